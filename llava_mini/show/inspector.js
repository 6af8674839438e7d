// The picture of the visual-token inspector (see lens.py). Patches and tokens are buttons: press one, or give a patch the
// focus (Tab) and move on with the arrow keys. Texts come from models and are only ever set as text, never as HTML.

const ARROWS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

function make(tag, style = {}, text = "") {
  const element = document.createElement(tag);
  Object.assign(element.style, style);
  if (text) element.textContent = text;
  return element;
}

function render({ model, el }) {
  const side = model.get("side"), heard = [];
  const listen = (name, act) => { model.on(`change:${name}`, act); heard.push([`change:${name}`, act]); };
  const root = make("div", { display: "flex", flexWrap: "wrap", gap: "16px", background: "white", color: "#111", padding: "8px", font: "13px sans-serif" });
  root.className = "token-inspector";
  root.dataset.lmSuppressShortcuts = "true";             // the notebook has keys of its own
  el.append(root);

  const frame = make("div", { position: "relative", width: "340px", height: "340px", flex: "0 0 auto" });
  const image = make("img", { width: "100%", height: "100%", display: "block" });
  image.src = model.get("picture");
  image.alt = model.get("alt");
  image.draggable = false;
  const grid = make("div", { position: "absolute", inset: "0", display: "grid", gridTemplateColumns: `repeat(${side}, 1fr)`, gridTemplateRows: `repeat(${side}, 1fr)` });
  grid.setAttribute("role", "group");
  grid.setAttribute("aria-label", "Patches; arrow keys move the chosen one");
  frame.append(image, grid);

  const panel = make("div", { flex: "1 1 320px", minWidth: "280px" });
  root.append(frame, panel);
  const about = make("div", { marginBottom: "4px" });
  about.className = "patch-name";
  about.setAttribute("aria-live", "polite");
  const table = make("table", { borderCollapse: "collapse", marginBottom: "10px", background: "white", color: "#111" });
  table.className = "patch-words";
  panel.append(about, table);

  const cells = Array.from({ length: side * side }, (_, patch) => {
    const cell = make("button", { padding: "0", margin: "0", border: "0", borderRadius: "0", cursor: "pointer", minWidth: "0", minHeight: "0", background: "transparent" });
    cell.type = "button";
    cell.dataset.patch = patch;
    cell.addEventListener("click", () => choose(patch));
    cell.addEventListener("keydown", (event) => key(event, patch));
    grid.append(cell);
    return cell;
  });

  function set(name, value) {
    model.set(name, value);
    model.save_changes();
  }

  function choose(patch) {
    set("patch", patch);
    cells[patch].focus({ preventScroll: true });
  }

  function key(event, patch) {
    if (!(event.key in ARROWS)) return;
    const [down, right] = ARROWS[event.key];
    const row = Math.floor(patch / side) + down, column = (patch % side) + right;
    if (row >= 0 && row < side && column >= 0 && column < side) choose(row * side + column);
    event.preventDefault();
    event.stopPropagation();
  }

  function place(patch) {
    return `row ${Math.floor(patch / side) + 1}, column ${(patch % side) + 1}`;
  }

  function draw_patches() {
    const chosen = model.get("patch"), heat = model.get("heat");
    cells.forEach((cell, patch) => {
      const here = patch === chosen;
      const dark = heat.length ? 0.72 * (1 - heat[patch]) : 0;
      cell.style.background = `rgba(0, 0, 0, ${dark})`;
      cell.style.boxShadow = here ? "inset 0 0 0 2px black, inset 0 0 0 4px white" : "inset 0 0 0 0.5px rgba(255, 255, 255, 0.5)";
      cell.tabIndex = here ? 0 : -1;                     // Tab comes to the chosen one alone
      cell.setAttribute("aria-pressed", String(here));
      cell.setAttribute("aria-label", `patch in ${place(patch)}` + (heat.length ? `, brightness ${Math.round(100 * heat[patch])} of 100` : ""));
    });
  }

  function draw_words() {
    const patch = model.get("patch"), readings = model.get("readings");
    about.textContent = `Patch in ${place(patch)}: its nearest words, with the cosine`;
    table.replaceChildren();
    const head = make("tr");
    readings.forEach((reading) => {
      const cell = make("th", { textAlign: "left", padding: "2px 14px 2px 0", background: "white", color: "#111" }, reading.name);
      cell.scope = "col";
      head.append(cell);
    });
    table.append(head);
    const longest = Math.max(0, ...readings.map((reading) => reading.patches[patch].length));
    for (let number = 0; number < longest; number += 1) {
      const row = make("tr", { background: "white", color: "#111" });
      readings.forEach((reading) => {
        const cell = make("td", { textAlign: "left", padding: "2px 14px 2px 0", minWidth: "96px", maxWidth: "200px", verticalAlign: "top", overflowWrap: "anywhere" });
        const found = reading.patches[patch][number];
        if (found) {
          const bar = make("div", { height: "5px", background: "#E5E5E5", marginTop: "1px" });
          bar.append(make("div", { height: "5px", width: `${100 * Math.max(0, Math.min(1, found[1]))}%`, background: "#0072B2" }));
          cell.append(make("span", {}, found[0]), make("span", { color: "#595959" }, ` ${found[1].toFixed(2)}`), bar);
        }
        row.append(cell);
      });
      table.append(row);
    }
  }

  const buttons = [];
  const told = make("div", { margin: "6px 0", minHeight: "2.6em" });
  if (model.get("tokens").length) build_tokens();

  function build_tokens() {
    const rows = [["Question, as it was read:", false], ["Answer, as it was chosen:", true]].map(([name, said]) => {
      const row = make("div", { display: "flex", flexWrap: "wrap", gap: "3px", alignItems: "center", marginBottom: "4px" });
      row.setAttribute("role", "group");
      row.setAttribute("aria-label", name);
      row.append(make("span", { width: "100%", color: "#595959" }, name));
      return [said, row];
    });
    model.get("tokens").forEach((token, number) => {
      const button = make("button", { border: "1px solid #595959", borderRadius: "2px", padding: "2px 5px", cursor: "pointer", font: "12px monospace", whiteSpace: "pre",
        maxWidth: "100%", overflow: "hidden", textOverflow: "ellipsis" },
        token.text.trim() || (token.text.includes("\n") ? "↵" : "␣"));
      button.type = "button";
      button.dataset.token = number;
      button.addEventListener("click", () => set("token", number));
      rows.find(([said]) => said === token.said)[1].append(button);
      buttons.push(button);
    });
    told.className = "attention-told";
    told.setAttribute("aria-live", "polite");
    const choices = make("div", { display: "flex", flexWrap: "wrap", gap: "12px", alignItems: "center" });
    choices.append(chooser("layer", "layers"), chooser("head", "heads"));
    if (model.get("can_relate")) {
      const label = make("label"), box = make("input");
      box.type = "checkbox";
      box.name = "relative";
      box.checked = model.get("relative");
      box.addEventListener("change", () => set("relative", box.checked));
      listen("relative", () => { box.checked = model.get("relative"); });
      label.append(box, make("span", {}, " against a generic question"));
      choices.append(label);
    }
    panel.append(...rows.map(([, row]) => row), choices, told);
  }

  function chooser(name, names) {
    const label = make("label", {}, `${name} `), select = make("select");
    select.name = name;
    for (let number = -1; number < model.get(names); number += 1) {
      const option = make("option", {}, number < 0 ? "all" : String(number + 1));
      option.value = String(number);
      select.append(option);
    }
    select.value = String(model.get(name));
    select.addEventListener("change", () => set(name, Number(select.value)));
    listen(name, () => { select.value = String(model.get(name)); });
    label.append(select);
    return label;
  }

  function draw_tokens() {
    const chosen = model.get("token");
    buttons.forEach((button, number) => {
      const here = number === chosen;
      button.style.background = here ? "#111" : "white";
      button.style.color = here ? "white" : "#111";
      button.setAttribute("aria-pressed", String(here));
    });
    told.textContent = model.get("told");
  }

  function draw() {
    draw_patches();
    draw_words();
    draw_tokens();
  }

  ["patch", "token", "heat", "told"].forEach((name) => listen(name, draw));
  draw();
  return () => heard.forEach(([event, act]) => model.off(event, act));
}

export default { render };
