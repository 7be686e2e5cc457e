// The dashboard. Everything from a shard is put on the page as text, never as markup.
"use strict";

const SHARDS_EVERY = 1000, GRAPHS_EVERY = 5000, ROWS = 50, ANSWERS = 8;
const at = (id) => document.getElementById(id);

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// Only what changed is written, so that a selection survives the next look.
function write(node, text) { if (node.textContent !== text) node.textContent = text; }
function dress(node, className) { if (node.className !== className) node.className = className; }

// Characters that cannot be seen or that turn the line around are spelled out.
function visible(name) {
  const hidden = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}]/gu;
  return name === "" ? "(empty)" : name.replace(hidden, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);
}

const whole = new Intl.NumberFormat("en");
const unknown = "–";
const count = (n) => n == null ? unknown : whole.format(n);
function size(bytes) {
  if (bytes == null) return unknown;
  let unit = 0;
  for (; bytes >= 1024 && unit < 4; unit++) bytes /= 1024;
  return `${bytes.toFixed(unit && bytes < 10 ? 1 : 0)} ${["B", "KiB", "MiB", "GiB", "TiB"][unit]}`;
}
function span(seconds) {
  if (seconds == null) return unknown;
  const [d, h, m] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  if (d) return `${d} d ${h} h`;
  if (h) return `${h} h ${m} min`;
  return m ? `${m} min` : `${Math.floor(seconds)} s`;
}
function rate(n) { return n == null ? unknown : `${n < 10 ? n.toFixed(1) : whole.format(Math.round(n))}/s`; }
function millis(n) { return n == null ? unknown : `${n < 10 ? n.toFixed(2) : Math.round(n)} ms`; }
function checkpoint(shard) {
  if (shard.checkpoint_age_s != null) return `${span(shard.checkpoint_age_s)} ago`;
  return shard.checkpoint_interval_s == null ? unknown : "none";
}

function scrubbed(shard) { return shard.scrub_age_s == null ? unknown : `${span(shard.scrub_age_s)} ago`; }

const FIGURES = [
  ["Version", (s) => s.version ?? unknown], ["Uptime", (s) => span(s.uptime_s)], ["Checkpoint", checkpoint],
  ["Graphs", (s) => count(s.graphs)], ["Nodes", (s) => count(s.nodes)], ["Edges", (s) => count(s.edges)],
  ["Disk", (s) => size(s.bytes)], ["Requests", (s) => rate(s.requests_per_s)],
  ["Latency", (s) => millis(s.latency_ms ?? s.round_trip_ms)], ["Scrubbed", scrubbed],
  ["Store", (s) => s.store_id ? s.store_id.slice(0, 8) : unknown],
];
const BREAKER = { closed: "breaker closed", half_open: "breaker half-open", open: "breaker open" };

// ---- shards

const cards = new Map();

function card(endpoint) {
  const known = cards.get(endpoint);
  if (known) return known;
  const root = element("article", "shard");
  root.dataset.endpoint = endpoint;
  root.append(element("h3", "endpoint", visible(endpoint)));
  const state = element("p", "state"), list = element("dl"), values = [];
  for (const [name] of FIGURES) {
    const pair = element("div"), value = element("dd");
    pair.append(element("dt", "", name), value);
    list.append(pair);
    values.push(value);
  }
  const quotas = element("table", "quotas"), problem = element("p", "problem");
  quotas.append(element("caption", "", "Quotas"), element("tbody"));
  quotas.hidden = true;
  root.append(state, list, quotas, problem);
  at("shards").append(root);
  const made = { root, state, values, quotas, problem };
  cards.set(endpoint, made);
  return made;
}

// ---- quotas: the limit that each tenant is nearest to

const TENANTS = 8;
const QUOTA_WORDS = {
  stored_bytes: "bytes stored", requests_per_second: "requests/s", bytes_per_second: "bytes/s",
  write_cost_per_second: "write bytes/s", compute_seconds_per_minute: "computation s/min",
};

function nearest(tenant) {
  const parts = Object.entries(tenant.limits).map(([kind, limit]) => {
    const used = tenant.used[kind] ?? 0;
    return { tenant: tenant.tenant, kind, used, limit, part: used / Math.max(limit, 1) };
  });
  return parts.sort((a, b) => b.part - a.part)[0];
}

function showQuotas(table, quotas) {
  const near = (quotas?.tenants ?? []).map(nearest).filter(Boolean).sort((a, b) => b.part - a.part);
  const shown = near.slice(0, TENANTS), told = JSON.stringify([shown, near.length]);
  if (table.dataset.shown === told) return;
  table.dataset.shown = told;
  table.hidden = !near.length;
  const rows = shown.map(({ tenant, kind, used, limit, part }) => {
    const figure = kind.includes("bytes") || kind.includes("cost") ? size : count;
    const row = element("tr"), name = element("th", "name", tenant === "" ? "(no tenant)" : visible(tenant));
    name.scope = "row";
    row.append(name, element("td", "quiet", QUOTA_WORDS[kind] ?? kind),
      element("td", part >= 1 ? "number warn" : "number", `${part >= 1 ? "▲ " : ""}${figure(used)} of ${figure(limit)}`));
    return row;
  });
  if (near.length > shown.length) {
    const more = element("td", "quiet", `${count(near.length - shown.length)} more: egctl quota show`), row = element("tr");
    more.colSpan = 3;
    row.append(more);
    rows.push(row);
  }
  table.tBodies[0].replaceChildren(...rows);
}

function problemsOf(shard) {
  return [shard.error, shard.refusal && `Takes no writes: ${shard.refusal}`,
    ...shard.damage.map((line) => `Damaged: ${line}`), shard.store_changed].filter(Boolean);
}

// A shard that takes connections and says nothing is as good as one that is down.
const isUp = (shard) => shard.reachable && !shard.hung;

function moodOf(shard) {
  if (!isUp(shard)) return "bad";
  return shard.breaker === "closed" && !problemsOf(shard).length ? "good" : "warn";
}

function showShard(shard) {
  const { root, state, values, quotas, problem } = card(shard.endpoint);
  const problems = problemsOf(shard), mood = moodOf(shard);
  dress(root, `shard is-${mood}`);
  dress(state, `state ${mood}`);
  const words = [shard.hung ? "hung" : shard.reachable ? "reachable" : "unreachable", BREAKER[shard.breaker]];
  if (shard.refusal) words.push("takes no writes");
  if (shard.damage.length) words.push("damaged");
  if (shard.store_changed) words.push("another store");
  write(state, `${mood === "good" ? "●" : mood === "warn" ? "▲" : "✕"} ${words.join(" · ")}`);
  FIGURES.forEach(([, figure], index) => write(values[index], figure(shard)));
  const latency = values[FIGURES.findIndex(([name]) => name === "Latency")];
  latency.title = shard.latency_ms != null
    ? "Mean time of the shard's answers in the last seconds"
    : "No requests in the last seconds: round trip of the gateway's own question";
  showQuotas(quotas, shard.quotas);
  dress(problem, `problem ${mood}`);
  const notes = shard.plaintext_tcp ? ["No TLS: takes requests in the clear beyond loopback"] : [];
  write(problem, [...problems, ...notes].join("\n"));
}

// Graphs that two shards serve, or none.
function showOwners(owners) {
  const lines = (owners?.conflicts ?? []).map((conflict) => {
    const by = conflict.owners.map((owner) => `${visible(owner.endpoint)} (term ${owner.epoch}, ${count(owner.nodes)} nodes)`);
    return conflict.kind === "two_owners"
      ? `Two owners: ${visible(conflict.graph)} is served by ${by.join(" and ")}`
      : `No owner: ${visible(conflict.graph)} moved to ${visible(conflict.signposts[0].to)}, which does not serve it`;
  });
  const more = owners ? owners.two_owners + owners.no_owner - lines.length : 0;
  if (more > 0) lines.push(`… and ${count(more)} more`);
  if (lines.length) lines.push("End this with: egctl owners resolve");
  const shown = lines.join("\n"), place = at("conflicts");
  if (place.dataset.shown === shown) return;
  place.replaceChildren(...lines.map((line) => element("p", "bad", line)));
  place.dataset.shown = shown;
}

function showOverview(overview) {
  overview.shards.forEach(showShard);
  showOwners(overview.owners);
  const up = overview.shards.filter(isUp).length;
  const troubled = overview.shards.filter((shard) => moodOf(shard) === "warn").length;
  const all = overview.shards.length, nodes = overview.shards.reduce((sum, shard) => sum + (shard.nodes ?? 0), 0);
  const summary = at("summary");
  dress(summary, up < all ? "bad" : troubled ? "warn" : "good");
  write(summary, `${up} of ${all} ${all === 1 ? "engine" : "shards"} reachable${troubled ? `, ${troubled} with problems` : ""}`);
  document.title = up === all ? "epistemic-graph shards" : `(${all - up} down) epistemic-graph shards`;
  write(at("freshness"), `${count(nodes)} ${nodes === 1 ? "node" : "nodes"} · default graph ${visible(overview.default_graph)} · live`);
  dress(at("freshness"), "quiet");
}

// ---- where a tenant goes

const asked = [];

function showRoutes({ routes, collisions }) {
  const answers = routes.map((route) => {
    const root = element("div", "answer"), line = element("p");
    root.append(line);
    if (route.tenant != null) line.append("tenant ", element("span", "name", visible(route.tenant)), " → ");
    if (route.error) {
      line.append(element("span", "bad", "no graph"));
      root.append(element("p", "bad", visible(route.error)));
      return root;
    }
    line.append("graph ", element("span", "name", visible(route.graph)), " → ",
      element("strong", "endpoint", visible(route.shard)));
    const shared = collisions.find((collision) => collision.graph === route.graph && route.tenant != null);
    if (shared) {
      const tenants = shared.tenants.map((tenant) => `“${visible(tenant)}”`).join(" and ");
      root.append(element("p", "bad", `Collision: ${tenants} would share this graph. Give one of them another id.`));
    } else if (route.rewritten) {
      root.append(element("p", "warn",
        "The id is rewritten for the graph's name: every id that is rewritten to the same would share this graph."));
    }
    if (route.anchor != null) root.append(element("p", "quiet", `Placed with its group: ${visible(route.anchor)}`));
    return root;
  });
  at("route-answers").replaceChildren(...answers);
}

at("route").addEventListener("submit", async (event) => {
  event.preventDefault();
  const [kind, name] = [at("route-kind").value, at("route-name").value];
  at("route-name").select();
  const again = asked.findIndex((pair) => pair[0] === kind && pair[1] === name);
  if (again >= 0) asked.splice(again, 1);
  asked.unshift([kind, name]);
  asked.length = Math.min(asked.length, ANSWERS);
  const answer = await ask(`/api/dashboard/route?${new URLSearchParams(asked)}`);
  if (answer) showRoutes(answer);
});

// ---- graphs

let offset = 0, latestList = 0;

function graphRow(graph) {
  const row = element("tr");
  const name = element("td");
  name.append(element("span", "name", visible(graph.name)));
  if (graph.quarantined) name.append(element("small", "bad", `Damaged: ${visible(graph.quarantined)}`));
  const cell = (label, text, className) => {
    const made = element("td", className, text);
    made.dataset.label = label;
    return made;
  };
  const shard = element("td");
  shard.append(element("span", "endpoint quiet", visible(graph.shard)));
  if (graph.conflict) shard.append(element("small", "bad", "Another shard serves it too"));
  if (graph.belongs_to) {
    shard.append(element("small", "warn", `Clients look on ${visible(graph.belongs_to)}`));
  }
  if (graph.other_base) name.append(element("small", "warn", `Base name ${visible(graph.other_base)}`));
  row.append(name, cell("owner", graph.owner == null ? unknown : visible(graph.owner)), cell("type", graph.type),
    cell("nodes", count(graph.nodes), "number"), cell("edges", count(graph.edges), "number"), shard);
  return row;
}

async function listGraphs() {
  const list = ++latestList;
  const wanted = { search: at("search-text").value, sort: at("search-sort").value, offset, limit: ROWS };
  const page = await ask(`/api/dashboard/graphs?${new URLSearchParams(wanted)}`);
  if (!page || list !== latestList) return;
  if (offset && offset >= page.matched) { offset = 0; return listGraphs(); }
  const shown = JSON.stringify(page);
  const body = document.querySelector("#graphs tbody");
  if (body.dataset.shown !== shown) {
    const none = element("td", "quiet", page.total ? "No graph matches." : "No graphs.");
    none.colSpan = 6;
    const nothing = element("tr");
    nothing.append(none);
    body.replaceChildren(...(page.graphs.length ? page.graphs.map(graphRow) : [nothing]));
    body.dataset.shown = shown;
  }
  const missing = page.missing.map((shard) =>
    element("p", "bad", `Without the graphs of ${visible(shard.endpoint)}: ${visible(shard.reason.slice(0, 200))}`));
  const others = page.other_bases.map((other) => element("p", "warn",
    `${count(other.graphs)} ${other.graphs === 1 ? "graph has its" : "graphs have their"} data under the base name ${visible(other.base)}, ` +
    `and this page uses ${visible(page.default_graph)} (KG_DEFAULT_GRAPH)`));
  at("missing").replaceChildren(...missing, ...others);
  const last = offset + page.graphs.length;
  write(at("position"), page.matched ? `${count(offset + 1)}–${count(last)} of ${count(page.matched)}` : "");
  at("previous").disabled = offset === 0;
  at("next").disabled = last >= page.matched;
}

let typing;
at("search").addEventListener("submit", (event) => { event.preventDefault(); offset = 0; listGraphs(); });
at("search-text").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => { offset = 0; listGraphs(); }, 150);
});
at("search-sort").addEventListener("change", () => { offset = 0; listGraphs(); });
at("previous").addEventListener("click", () => { offset = Math.max(0, offset - ROWS); listGraphs(); });
at("next").addEventListener("click", () => { offset += ROWS; listGraphs(); });

// ---- keyboard and time

addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.activeElement.blur();
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  const place = { "/": "search-text", t: "route-name" }[event.key];
  if (!place) return;
  event.preventDefault();
  at(place).focus();
});

async function ask(address) {
  try {
    const answer = await fetch(address, { signal: AbortSignal.timeout(10000) });
    if (answer.status === 401) { location.href = "/login"; return null; }
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    return await answer.json();
  } catch {
    write(at("freshness"), "the gateway does not answer: what you see is old");
    dress(at("freshness"), "bad");
    dress(at("summary"), "bad");
    return null;
  }
}

// The next look is asked for when the last one is there; a page that nobody sees asks nothing.
function every(milliseconds, look) {
  const again = async () => {
    if (!document.hidden) await look();
    setTimeout(again, milliseconds);
  };
  again();
  document.addEventListener("visibilitychange", () => { if (!document.hidden) look(); });
}

every(SHARDS_EVERY, async () => {
  const overview = await ask("/api/dashboard/shards");
  if (overview) showOverview(overview);
});
every(GRAPHS_EVERY, listGraphs);
