// Where nodes stand: by forces in a worker, or on rings round one node.

let worker = null,
  jobs = 0;

/** Lets the forces work on `model`. `moved` is called when there are new positions, with true at the end. */
export function byForce(model, moved) {
  worker ??= new Worker("/graph/worker.js");
  const nodes = [...model.nodes.values()],
    place = new Map(nodes.map((node, index) => [node.id, index])),
    id = ++jobs;
  const xy = new Float32Array(nodes.length * 2),
    hold = new Uint8Array(nodes.length),
    edges = new Uint32Array(model.edges.size * 2);
  const old = nodes.some((node) => !node.fresh);
  nodes.forEach((node, index) => {
    xy[2 * index] = node.x;
    xy[2 * index + 1] = node.y;
    hold[index] = node.pinned ? 1 : old && !node.fresh ? 2 : 0;
  });
  let at = 0;
  for (const edge of model.edges.values())
    if (edge.a !== edge.b) {
      edges[at++] = place.get(edge.a);
      edges[at++] = place.get(edge.b);
    }
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  worker.onmessage = ({ data }) => {
    if (data.id !== jobs) return;
    if (still && !data.over) return;
    nodes.forEach((node, index) => {
      if (!node.dragged && !node.pinned) {
        node.x = data.xy[2 * index];
        node.y = data.xy[2 * index + 1];
      }
      if (data.over) node.fresh = false;
    });
    moved(data.over);
  };
  worker.postMessage({ id, xy, hold, edges: edges.subarray(0, at) }, [xy.buffer, hold.buffer]);
}

export function stopLayout() {
  jobs++;
  worker?.postMessage({ id: jobs });
}
export function endLayout() {
  worker?.terminate();
  worker = null;
}

/** Puts nodes on rings by their distance from `center`; returns the radius of each ring. */
export function onRings(model, center) {
  stopLayout();
  const depth = new Map(),
    parent = new Map(),
    order = [];
  const visit = (id, deep, from) => {
    depth.set(id, deep);
    parent.set(id, from);
    order.push(id);
  };
  const given = model.nodes.get(center)?.depth === 0;
  if (given)
    for (const node of [...model.nodes.values()].filter((each) => each.depth != null).sort((a, b) => a.depth - b.depth))
      visit(node.id, node.depth, node.parent);
  else {
    if (model.nodes.has(center)) visit(center, 0, null);
    for (let at = 0; at < order.length; at++)
      for (const other of model.near.get(order[at]))
        if (!depth.has(other)) visit(other, depth.get(order[at]) + 1, order[at]);
  }
  const deepest = Math.max(0, ...depth.values()),
    counts = new Array(deepest + 2).fill(0);
  for (const deep of depth.values()) counts[deep]++;
  // What hangs on nothing stands on a ring of its own.
  for (const id of model.nodes.keys())
    if (!depth.has(id)) {
      visit(id, deepest + 1, center);
      counts[deepest + 1]++;
    }
  const radii = [0];
  for (let deep = 1; deep < counts.length; deep++)
    if (counts[deep])
      radii[deep] = Math.max(radii[deep - 1] + 95, (counts[deep] * (counts[deep] > 120 ? 11 : 21)) / (2 * Math.PI));
  const children = new Map(order.map((id) => [id, []]));
  for (const id of order) if (parent.get(id) != null && parent.get(id) !== id) children.get(parent.get(id))?.push(id);
  // A leaf's angle is worth 1 / radius of its ring, so that inner rings do not crowd.
  const weight = new Map();
  for (const id of [...order].reverse()) {
    const own = depth.get(id) ? 1 / radii[depth.get(id)] : 0;
    weight.set(
      id,
      Math.max(
        own,
        children.get(id).reduce((sum, child) => sum + weight.get(child), 0),
      ),
    );
  }
  const span = new Map([[center, [-Math.PI, Math.PI]]]);
  for (const id of order) {
    const [from, to] = span.get(id) ?? [0, 0],
      all = children.get(id).reduce((sum, child) => sum + weight.get(child), 0) || 1;
    let at = from;
    for (const child of children.get(id)) {
      const width = ((to - from) * weight.get(child)) / all;
      span.set(child, [at, at + width]);
      at += width;
    }
    const node = model.nodes.get(id),
      angle = (from + to) / 2,
      radius = radii[depth.get(id)] ?? 0;
    node.x = radius * Math.cos(angle);
    node.y = radius * Math.sin(angle);
    node.fresh = false;
  }
  return radii;
}
