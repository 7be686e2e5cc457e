// What the explorer knows and does: opens nodes, expands, hides, finds paths and what a change would reach. It draws nothing itself.

import { ask, Trouble } from "../lib/api.js";
import { count } from "../lib/format.js";
import { answer as say } from "../lib/live.js";
import { visible } from "../lib/names.js";
import { setQuery } from "../lib/router.js";
import { byForce, endLayout, onRings, stopLayout } from "./layout.js";
import { Model, MOST_NODES, PHONE_NODES } from "./model.js";

export const EXPAND = 50,
  EXPAND_MOST = 200,
  HOPS = 12,
  EDGES_ASKED = 2000;

export class Explorer {
  constructor(graph, signal, changed) {
    const most = innerWidth <= 720 ? PHONE_NODES : MOST_NODES;
    Object.assign(this, {
      graph,
      signal,
      changed,
      model: new Model(most),
      selected: null,
      hovered: null,
      chosen: new Set(),
      chip: null,
      detail: null,
      trouble: null,
      said: "",
      view: "force",
      rings: null,
      cutAt: null,
      blast: 0,
      blastAnswer: null,
      path: { ids: [], set: new Set(), edges: new Set(), answer: null },
      picking: false,
      label: null,
      base: null,
      readAt: null,
      sequence: null,
      newer: null,
      stage: null,
      busy: 0,
      reading: null,
    });
    signal.addEventListener("abort", () => {
      endLayout();
      this.keepNow();
    });
    addEventListener("pagehide", () => this.keepNow(), { signal });
  }

  ask(what, pairs, more = {}) {
    return ask(`/api/explore/${what}`, { graph: this.graph, ...pairs }, { signal: this.signal, ...more });
  }

  /** Runs `work`; what goes wrong is told beside the drawing, and nothing drawn is lost. */
  async attempt(work) {
    this.busy++;
    this.retry = () => this.attempt(work);
    this.trouble = null;
    this.changed();
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Trouble)) {
        if (error.name !== "AbortError") throw error;
        return undefined;
      }
      this.trouble = error;
      say(error.message);
      return undefined;
    } finally {
      this.busy--;
      this.changed();
    }
  }

  scene() {
    const { model, selected, path, label } = this,
      near = selected == null ? null : model.near.get(selected);
    const strong =
      label != null
        ? (id) => model.nodes.get(id)?.label === label
        : near
          ? (id) => id === selected || near.has(id) || path.set.has(id)
          : () => true;
    return {
      model,
      selected,
      hovered: this.hovered,
      chosen: this.chosen,
      chip: this.chip,
      path,
      strong,
      fan: this.fan(near),
      blast: this.blast > 0,
      rings: this.view === "rings" ? this.rings : null,
      cutAt: this.cutAt,
    };
  }

  /** The edges that are looked at: of the node under the pointer, and of a selected one that has few. */
  fan(near) {
    const keys = new Set(),
      { edges } = this.model,
      key = (a, b) => (a < b ? `${a}\0${b}` : `${b}\0${a}`);
    if (near && near.size <= 8) for (const other of near) keys.add(key(this.selected, other));
    if (this.selected != null && edges.has(key(this.selected, this.selected)))
      keys.add(key(this.selected, this.selected));
    if (near && this.hovered != null && near.has(this.hovered)) keys.add(key(this.selected, this.hovered));
    return keys;
  }

  arrange() {
    if (this.view === "rings") {
      this.rings = onRings(
        this.model,
        this.blast
          ? this.blastAnswer.from
          : this.model.nodes.has(this.selected)
            ? this.selected
            : this.model.nodes.keys().next().value,
      );
      this.stage?.settle();
      this.keep();
    } else if (this.view === "force" && this.model.size) {
      byForce(this.model, (over) => {
        this.stage?.settle();
        if (over) this.keep();
      });
    }
    this.changed();
  }

  setView(view) {
    this.view = view;
    setQuery({ view: view === "force" ? null : view });
    stopLayout();
    if (view !== "table") this.arrange();
    else this.changed();
  }

  /** Reads a node and shows it beside the drawing; null lets go. */
  async select(id, { push = true } = {}) {
    this.picking && id != null && id !== this.selected
      ? ((this.picking = false), this.findPath(id))
      : this.mark(id, push);
  }

  async mark(id, push) {
    this.selected = id;
    this.chosen.clear();
    setQuery({ node: id, depth: null }, push && id != null);
    this.stage?.request();
    if (id == null) {
      this.detail = null;
      return this.changed();
    }
    if (this.detail?.id !== id) {
      this.detail = null;
      this.whole = null;
    }
    this.changed();
    this.reading?.abort();
    this.reading = new AbortController();
    const signal = AbortSignal.any([this.reading.signal, this.signal]);
    await this.attempt(async () => {
      const got = await this.ask("node", { id }, { signal });
      this.readAt = got.now_ms;
      if (this.sequence == null) this.sequence = got.graph_sequence ?? got.sequence;
      else if ((got.graph_sequence ?? got.sequence) !== this.sequence) this.newer = got.graph_sequence ?? got.sequence;
      this.detail = { ...got, id };
      const node = this.model.nodes.get(id);
      if (node) {
        node.label = got.label ?? node.label;
        node.in = got.in ?? node.in;
        node.out = got.out ?? node.out;
      }
      say(
        `${got.label ?? ""} ${visible(id)}, ${count(node?.degree)} neighbours, ${count(this.model.near.get(id)?.size ?? 0)} drawn`,
      );
    });
  }

  /** Reads one property in full. */
  property(key) {
    return this.attempt(async () => {
      const id = this.selected,
        got = await this.ask("node", { id, key }),
        found = got.properties?.find(([name]) => name === key);
      if (!found || this.detail?.id !== id) return;
      this.whole = { key };
      this.detail = {
        ...this.detail,
        properties: this.detail.properties.map((each) => (each[0] === key ? found : each)),
      };
    });
  }

  /** Draws a node and its first neighbours. */
  async open(id, { push = true, depth = 1 } = {}) {
    this.leaveBlast();
    if (!this.model.nodes.has(id)) {
      this.model.remember();
      this.model.add({ id, parent: this.selected });
    }
    const marked = this.mark(id, push);
    if (depth > 0 && !this.model.nodes.get(id)?.expanded) await this.expand(id);
    if (depth > 1)
      for (const other of [...(this.model.near.get(id) ?? [])].slice(0, 12)) await this.expand(other, { limit: 12 });
    await marked;
    this.stage?.reveal(this.model.nodes.get(id));
  }

  room() {
    if (this.model.size < this.model.most) return true;
    this.said = `${count(this.model.most)} nodes are drawn. Hide something or open the table.`;
    say(this.said);
    this.changed();
    return false;
  }

  expand(id, { limit = EXPAND, label = null } = {}) {
    if (this.blast) return this.open(id);
    if (!this.room()) return Promise.resolve();
    return this.attempt(async () => {
      const node = this.model.nodes.get(id),
        cursor = label == null ? node?.cursor : null;
      const got = await this.ask("neighbours", { id, label, after: cursor, limit: Math.min(limit, EXPAND_MOST) });
      this.model.remember();
      this.neighboursOf(id, got);
      const added = this.model.expand(id, got.rows);
      if (node && label == null) node.cursor = got.next;
      this.said =
        added < got.rows.length && this.model.size >= this.model.most
          ? `${count(this.model.most)} nodes are drawn. Hide something or open the table.`
          : "";
      say(`${count(added)} neighbours drawn`);
      this.arrange();
      await this.connect();
    });
  }

  /** What an answer of neighbours says of the node itself. */
  neighboursOf(id, got) {
    const node = this.model.nodes.get(id);
    if (!node) return;
    if (!got.by_label) return;
    Object.assign(node, {
      in: got.in,
      out: got.out,
      inexact: got.exact === false,
      degree: got.neighbors ?? got.by_label.reduce((sum, [, n]) => sum + n, 0),
    });
  }

  /** Edges among what is drawn, which expansions alone do not tell. */
  async connect(anew = false) {
    const { model } = this,
      ids = [...model.nodes.keys()].slice(0, EDGES_ASKED);
    if (!ids.length) return;
    const got = await this.ask("edges", {}, { body: { graph: this.graph, ids } }),
      before = this.model.version;
    if (model !== this.model) return;
    if (anew) model.edges.clear();
    for (const [a, b, type, n] of got.edges) this.model.link(a, b, type, n);
    if (this.model.version !== before) this.arrange();
  }

  /** Draws rows of a table that were ticked. */
  drawRows(center, rows) {
    if (!this.room()) return;
    this.model.remember();
    if (!this.model.nodes.has(center)) this.model.add({ id: center });
    this.model.expand(center, rows);
    this.arrange();
    this.attempt(() => this.connect());
  }

  hide(ids) {
    if (!ids.length) return;
    this.model.remember();
    this.model.hide(ids);
    this.said = "";
    if (ids.includes(this.selected)) this.mark(null, false);
    this.chosen.clear();
    this.stage?.request();
    this.keep();
    this.changed();
  }

  pin(id, pinned) {
    const node = this.model.nodes.get(id);
    if (!node) return;
    node.pinned = pinned ?? !node.pinned;
    this.stage?.request();
    this.keep();
    this.changed();
  }

  undo() {
    if (!this.model.undo()) return;
    stopLayout();
    if (!this.model.nodes.has(this.selected)) this.mark(null, false);
    this.stage?.request();
    this.keep();
    this.changed();
  }

  async findPath(to) {
    const from = this.selected;
    this.picking = false;
    this.leaveBlast();
    await this.attempt(async () => {
      const got = await this.ask("path", { from, to, max: HOPS });
      setQuery({ to }, true);
      const ids = (got.hops ?? []).map(([id]) => id);
      if (ids.length) this.model.remember();
      (got.hops ?? []).forEach(([id, label], index) => this.model.add({ id, label, parent: ids[index - 1] }));
      (got.hops ?? []).forEach(([id, , type, n], index) => {
        if (index + 1 < ids.length) this.model.link(id, ids[index + 1], type ?? "", n || 1);
      });
      const edges = ids.slice(1).map((id, index) => {
        const other = ids[index];
        return other < id ? `${other}\0${id}` : `${id}\0${other}`;
      });
      this.path = { ids, set: new Set(ids), edges: new Set(edges), answer: { ...got, from, to } };
      say(ids.length ? `A path of ${ids.length - 1} hops` : `No path within ${HOPS} hops`);
      this.arrange();
      await this.connect();
    });
  }

  clearPath() {
    this.path = { ids: [], set: new Set(), edges: new Set(), answer: null };
    setQuery({ to: null });
    this.stage?.request();
    this.changed();
  }

  /** What lies within `depth` hops of `id`, on rings; 0 goes back to what was drawn before. */
  async blastFrom(id, depth) {
    if (!depth || id == null) {
      this.leaveBlast();
      return this.arrange();
    }
    await this.attempt(async () => {
      const got = await this.ask("blast", { id, depth, limit: this.model.most });
      if (!this.blast) this.base = { model: this.model, view: this.view };
      const labels = this.model.labels;
      Object.assign(this, {
        model: new Model(this.base.model.most),
        blast: depth,
        blastAnswer: { ...got, from: id, depth },
        view: this.view === "table" ? "table" : "rings",
        cutAt: got.cut_at ?? null,
      });
      this.model.labels = labels;
      for (const [node, label, deep, parent] of got.rows) {
        this.model.add({ id: node, label, depth: deep, parent });
        if (parent != null) this.model.link(parent, node, "");
      }
      setQuery({ blast: depth, view: this.view, node: id }, true);
      say(`${count(got.counts.reduce((sum, n) => sum + n, 0) - 1)} nodes within ${depth} hops`);
      this.arrange();
      // The tree of parents has no types: the edges themselves replace it.
      await this.connect(true);
    });
  }

  leaveBlast() {
    if (!this.blast) return;
    Object.assign(this, {
      model: this.base.model,
      view: this.base.view,
      base: null,
      blast: 0,
      blastAnswer: null,
      cutAt: null,
      rings: null,
    });
    setQuery({ blast: null, view: this.view === "force" ? null : this.view });
  }

  // ---- what a reload and Back bring back

  get place() {
    return `explore:${this.graph}`;
  }

  keep() {
    this.keeping ??= setTimeout(() => this.keepNow(), 400);
  }

  keepNow() {
    clearTimeout(this.keeping);
    this.keeping = null;
    if (this.blast) return;
    try {
      sessionStorage.setItem(this.place, JSON.stringify({ nodes: this.model.save(), labels: [...this.model.labels] }));
    } catch {
      /* full or switched off: a reload begins anew */
    }
  }

  /** True when what was drawn before is drawn again. */
  resume() {
    try {
      const kept = JSON.parse(sessionStorage.getItem(this.place));
      if (!kept?.nodes.length) return false;
      this.model.restore(kept.nodes);
      this.model.labels = new Map(kept.labels);
      this.attempt(async () => {
        await this.connect();
      });
      return true;
    } catch {
      return false;
    }
  }

  /** Reads what is drawn once more, after somebody has written. */
  again() {
    Object.assign(this, { sequence: null, newer: null });
    this.attempt(() => this.connect(true));
    if (this.selected != null) {
      this.detail = null;
      this.mark(this.selected, false);
    }
  }
}
