"""Instruction data from a teacher that cannot see: prompts, the teacher, its answers, their checks and the finished set."""
