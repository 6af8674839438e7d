// The picture of the scene editor (see board.py). Things are buttons over the picture: press and drag one, or give it
// the focus (Tab), move it with the arrow keys and remove it with Delete. Whether that is allowed, Python decides.

const STEP = 0.03;                                       // of the picture, for one press of an arrow key
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function render({ model, el }) {
  const stage = document.createElement("div");
  stage.setAttribute("role", "group");
  Object.assign(stage.style, { position: "relative", width: "100%", maxWidth: "420px", aspectRatio: "1 / 1", touchAction: "none" });
  const image = document.createElement("img");
  image.draggable = false;
  Object.assign(image.style, { width: "100%", height: "100%", display: "block", userSelect: "none" });
  stage.append(image);
  el.append(stage);

  let focused = false;                                   // was a frame in use when the things were drawn anew?

  function place(frame, [x0, y0, x1, y1]) {
    const share = (value) => `${100 * value}%`;
    Object.assign(frame.style, { left: share(x0), top: share(y0), width: share(x1 - x0), height: share(y1 - y0) });
  }

  function draw() {
    const keep = focused;                                // for a frame that goes takes the focus with it
    image.src = model.get("picture");
    image.alt = model.get("alt");
    stage.setAttribute("aria-label", "Things in the picture; arrow keys move the chosen one");
    stage.querySelectorAll("button").forEach((frame) => frame.remove());
    model.get("things").forEach((thing, number) => {
      const chosen = number === model.get("chosen");
      const frame = document.createElement("button");
      frame.type = "button";
      frame.title = frame.ariaLabel = thing.name;
      frame.setAttribute("aria-pressed", String(chosen));
      frame.dataset.number = number;
      Object.assign(frame.style, {
        position: "absolute", padding: "0", margin: "0", background: "none", cursor: "move", color: "black", touchAction: "none",
        border: chosen ? "3px solid black" : "1px dashed black", outline: chosen ? "2px solid white" : "1px solid rgba(255,255,255,.6)",
        font: "bold 11px sans-serif", textAlign: "left", verticalAlign: "top", display: "block", lineHeight: "1",
      });
      const tag = document.createElement("span");
      tag.textContent = String(number + 1);
      Object.assign(tag.style, { position: "absolute", left: "0", top: "0", background: "white", padding: "1px 3px" });
      frame.append(tag);
      place(frame, thing.box);
      frame.addEventListener("pointerdown", (event) => take(event, frame, number, thing.box));
      frame.addEventListener("keydown", (event) => key(event, number, thing.box));
      frame.addEventListener("click", () => model.send({ do: "choose", number }));
      stage.append(frame);
      if (chosen && keep) frame.focus({ preventScroll: true });
    });
    focused = keep;
  }

  function take(event, frame, number, [x0, y0, x1, y1]) {
    if (event.button !== 0) return;
    event.preventDefault();
    frame.focus({ preventScroll: true });
    focused = true;
    frame.setPointerCapture(event.pointerId);
    const size = stage.getBoundingClientRect();
    let right = 0, down = 0;
    const drag = (move) => {
      right = Math.min(Math.max((move.clientX - event.clientX) / size.width, -x0), 1 - x1);
      down = Math.min(Math.max((move.clientY - event.clientY) / size.height, -y0), 1 - y1);
      place(frame, [x0 + right, y0 + down, x1 + right, y1 + down]);
    };
    const drop = () => {
      frame.removeEventListener("pointermove", drag);
      if (Math.abs(right) + Math.abs(down) > 0.005) model.send({ do: "move", number, x: x0 + right, y: y0 + down });
    };
    frame.addEventListener("pointermove", drag);
    frame.addEventListener("pointerup", drop, { once: true });
    frame.addEventListener("pointercancel", () => { frame.removeEventListener("pointermove", drag); draw(); }, { once: true });
  }

  function key(event, number, [x0, y0]) {
    if (event.key in ARROWS) {
      const [right, down] = ARROWS[event.key];
      model.send({ do: "move", number, x: x0 + STEP * right, y: y0 + STEP * down });
    } else if (event.key === "Delete" || event.key === "Backspace") {
      model.send({ do: "remove", number });
    } else {
      return;
    }
    focused = true;
    event.preventDefault();
    event.stopPropagation();                             // the notebook has keys of its own
  }

  stage.addEventListener("focusout", () => { focused = stage.contains(document.activeElement); });
  const seen = ["picture", "things", "chosen"];
  seen.forEach((name) => model.on(`change:${name}`, draw));
  const told = (message) => { if (message.do === "draw") draw(); };
  model.on("msg:custom", told);
  draw();
  return () => { seen.forEach((name) => model.off(`change:${name}`, draw)); model.off("msg:custom", told); };
}

export default { render };
