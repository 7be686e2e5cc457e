// The drawing by keyboard alone: each thing that a pointer can do has a key.

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Tab goes through chips and the nodes of the path, then on to the rest of the page. */
function nextStop(explorer, back) {
  const stops = [
    ...explorer.path.ids.map((id) => ["node", id]),
    ...explorer.stage.chips.map((chip) => ["chip", chip.id]),
  ];
  const now = stops.findIndex(([kind, id]) =>
      kind === "chip" ? explorer.chip === id : explorer.chip == null && explorer.selected === id,
    ),
    next = now + (back ? -1 : 1);
  if (next < 0 || next >= stops.length) {
    explorer.chip = null;
    explorer.stage.request();
    return false;
  }
  const [kind, id] = stops[next];
  explorer.chip = kind === "chip" ? id : null;
  if (kind === "node") explorer.select(id, { push: false });
  explorer.stage.request();
  return true;
}

/** True when the key was for the drawing. */
export function press(explorer, event, { byLabel, toPath, views }) {
  const { stage, selected } = explorer,
    arrow = ARROWS[event.key];
  if (arrow && event.shiftKey) {
    stage.pan(-60 * arrow[0], -60 * arrow[1]);
    return true;
  }
  if (arrow) {
    const node = stage.towards(selected, ...arrow);
    if (node) {
      explorer.select(node.id, { push: false });
      stage.reveal(node);
    }
    return true;
  }
  switch (event.key) {
    case "Tab":
      return nextStop(explorer, event.shiftKey);
    case "Enter":
      if (explorer.chip != null) byLabel(explorer.chip);
      else if (explorer.hovered != null) explorer.select(explorer.hovered);
      else if (selected == null) {
        const node = stage.towards(null);
        if (node) explorer.select(node.id);
      }
      return true;
    case "e":
      if (selected != null) explorer.expand(selected);
      return true;
    case "E":
      if (selected != null) byLabel(selected);
      return true;
    case "p":
      toPath();
      return true;
    case "b":
      if (selected != null) explorer.blastFrom(selected, explorer.blast ? 0 : 4);
      return true;
    case "1":
    case "2":
    case "3":
    case "4":
    case "5":
    case "6":
      if (explorer.blast) explorer.blastFrom(explorer.blastAnswer.from, Number(event.key));
      return explorer.blast > 0;
    case "x":
      explorer.hide(explorer.chosen.size ? [...explorer.chosen] : selected == null ? [] : [selected]);
      return true;
    case " ":
      if (selected != null) explorer.pin(selected);
      return true;
    case "+":
    case "=":
      stage.zoom(1.25);
      return true;
    case "-":
      stage.zoom(0.8);
      return true;
    case "0":
      stage.zoom(1 / stage.view.k);
      return true;
    case "f":
      stage.fit();
      return true;
    case "v":
      views();
      return true;
    case "u":
      explorer.undo();
      return true;
    case "Backspace":
      history.back();
      return true;
    case "Escape":
      if (explorer.picking) explorer.picking = false;
      else if (explorer.label != null) explorer.label = null;
      else if (explorer.blast) explorer.blastFrom(null, 0);
      else if (explorer.path.answer) explorer.clearPath();
      else if (selected != null) explorer.select(null);
      else return false;
      explorer.changed();
      stage.request();
      return true;
    default:
      return false;
  }
}
