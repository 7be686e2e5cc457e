// What is drawn: nodes, edges between them, what is pinned, and the last twenty states.

export const MOST_NODES = 2000,
  MOST_EDGES = 6000,
  PHONE_NODES = 500,
  STEPS = 20;
const GOLDEN = Math.PI * (3 - Math.sqrt(5));

export class Model {
  constructor(most = MOST_NODES) {
    Object.assign(this, {
      most,
      nodes: new Map(),
      edges: new Map(),
      near: new Map(),
      past: [],
      labels: new Map(),
      version: 0,
      cut: 0,
    });
  }

  get size() {
    return this.nodes.size;
  }

  /** A node; one that is there is only completed. New ones stand round their parent. Returns null when there is no room. */
  add({ id, label, caption, degree, depth, parent }) {
    const known = this.nodes.get(id);
    if (known) {
      for (const [key, value] of Object.entries({ label, caption, degree, depth }))
        if (value != null) known[key] = value;
      return known;
    }
    if (this.nodes.size >= this.most) {
      this.cut++;
      return null;
    }
    const from = parent == null ? null : this.nodes.get(parent),
      place = from ? from.children++ : this.nodes.size;
    const far = from ? 40 + 9 * Math.sqrt(place) : 60 * Math.sqrt(place),
      angle = place * GOLDEN;
    const node = {
      id,
      label: label ?? "",
      caption,
      degree: degree ?? null,
      depth: depth ?? null,
      parent: parent ?? null,
      children: 0,
      pinned: false,
      expanded: false,
      fresh: true,
      x: (from?.x ?? 0) + far * Math.cos(angle),
      y: (from?.y ?? 0) + far * Math.sin(angle),
    };
    this.nodes.set(id, node);
    this.near.set(id, new Set());
    this.version++;
    return node;
  }

  /** `n` edges of a type from `a` to `b`; both are drawn. All between two nodes are one line. */
  link(a, b, type, n = 1) {
    if (!this.nodes.has(a) || !this.nodes.has(b)) return;
    const key = a < b ? `${a}\0${b}` : `${b}\0${a}`;
    let edge = this.edges.get(key);
    if (!edge) {
      if (this.edges.size >= MOST_EDGES) {
        this.cut++;
        return;
      }
      edge = { key, a: a < b ? a : b, b: a < b ? b : a, types: new Map(), count: 0, forth: false, back: false };
      this.edges.set(key, edge);
      if (a !== b) {
        this.near.get(a).add(b);
        this.near.get(b).add(a);
      }
      this.version++;
    }
    edge.types.set(`${a === edge.a ? ">" : "<"}${type}`, n);
    if (a === edge.a) edge.forth = true;
    else edge.back = true;
    edge.count = [...edge.types.values()].reduce((sum, each) => sum + each, 0);
  }

  /** Neighbours of `center` as the gateway lists them. Returns how many were new. */
  expand(center, rows) {
    let added = 0;
    for (const row of rows) {
      const before = this.nodes.size;
      if (!this.add({ ...row, parent: center })) continue;
      added += this.nodes.size - before;
      for (const [dir, type, n] of row.edges ?? [])
        dir === "out" ? this.link(center, row.id, type, n) : this.link(row.id, center, type, n);
    }
    const node = this.nodes.get(center);
    if (node) node.expanded = true;
    return added;
  }

  hide(ids) {
    for (const id of ids) {
      for (const other of this.near.get(id) ?? []) this.near.get(other)?.delete(id);
      this.near.delete(id);
      this.nodes.delete(id);
    }
    for (const [key, edge] of this.edges)
      if (!this.nodes.has(edge.a) || !this.nodes.has(edge.b)) this.edges.delete(key);
    this.version++;
  }

  /** How many neighbours of an expanded node are not drawn; 0 when that is not known. */
  folded(node) {
    return node.expanded && node.degree != null ? Math.max(0, node.degree - this.near.get(node.id).size) : 0;
  }

  /** Keeps the present state for `undo`. */
  remember() {
    this.past.push({
      nodes: [...this.nodes.values()].map((node) => ({ ...node })),
      edges: [...this.edges.values()].map((edge) => ({ ...edge, types: new Map(edge.types) })),
    });
    if (this.past.length > STEPS) this.past.shift();
  }

  undo() {
    const last = this.past.pop();
    if (!last) return false;
    this.restore(last.nodes, last.edges);
    return true;
  }

  restore(nodes, edges = []) {
    this.nodes = new Map(nodes.map((node) => [node.id, { ...node, fresh: false }]));
    this.near = new Map(nodes.map((node) => [node.id, new Set()]));
    this.edges = new Map(edges.map((edge) => [edge.key, edge]));
    for (const { a, b } of edges)
      if (a !== b) {
        this.near.get(a).add(b);
        this.near.get(b).add(a);
      }
    this.version++;
  }

  /** The place of a label among the colours, 0 to 7, or 8 for all others. It stays once it is given; the most frequent come first. */
  colour(label) {
    if (this.labels.has(label)) return this.labels.get(label);
    if (!label || !this.nodes.size) return 8;
    for (const [name] of this.byLabel())
      if (name && !this.labels.has(name)) this.labels.set(name, Math.min(8, this.labels.size));
    return this.labels.get(label) ?? 8;
  }

  byLabel() {
    const counts = new Map();
    for (const { label } of this.nodes.values()) counts.set(label, (counts.get(label) ?? 0) + 1);
    return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  }

  save() {
    return [...this.nodes.values()].map((node) => ({ ...node, x: Math.round(node.x), y: Math.round(node.y) }));
  }
}
