// The one search: shards and tenants by what is known already, graphs by asking. Enter opens the first.

import { ask } from "./api.js";
import { at, h, show } from "./dom.js";
import { graphLink, link, named, tenantLink } from "./names.js";
import { go } from "./router.js";
import { tier } from "./tier.js";
import { shardName } from "./format.js";

let hits = [],
  chosen = 0,
  typing,
  asking;

function close() {
  hits = [];
  at("find-hits").hidden = true;
  at("find-text").setAttribute("aria-expanded", "false");
  at("find-text").removeAttribute("aria-activedescendant");
}

function open(hit) {
  close();
  at("find-text").value = "";
  at("find-text").blur();
  go(hit.href);
}

function draw() {
  show(
    at("find-hits"),
    hits.map((hit, index) =>
      h(
        "div",
        {
          role: "option",
          id: `hit-${index}`,
          class: "hit",
          "aria-selected": String(index === chosen),
          onmousedown: (event) => {
            event.preventDefault();
            open(hit);
          },
        },
        h("span", { class: "quiet kind" }, hit.kind),
        named(hit.text),
        h("span", { class: "quiet" }, hit.more),
      ),
    ),
  );
  at("find-hits").hidden = !hits.length;
  at("find-text").setAttribute("aria-expanded", String(hits.length > 0));
  if (hits.length) at("find-text").setAttribute("aria-activedescendant", `hit-${chosen}`);
}

function knownShards(text) {
  const low = text.toLowerCase();
  const found = (tier.answer?.shards ?? []).filter(
    (row) => shardName(row.n).includes(low) || row.endpoint?.toLowerCase().includes(low) || String(row.n) === low,
  );
  return found
    .slice(0, 4)
    .map((row) => ({ kind: "shard", text: shardName(row.n), more: row.endpoint, href: `/shard/${row.n}` }));
}

async function look(text) {
  asking?.abort();
  asking = new AbortController();
  const shards = knownShards(text);
  let graphs = [],
    tenants = [],
    told = "";
  try {
    const answer = await ask("/api/graphs", { q: text, limit: 6 }, { signal: asking.signal });
    graphs = answer.rows.map((row) => ({
      kind: "graph",
      text: row.name,
      more: shardName(row.shard),
      href: graphLink(row.name),
    }));
    const owners = new Set(
      answer.rows.map((row) => row.tenant).filter((tenant) => tenant?.toLowerCase().includes(text.toLowerCase())),
    );
    tenants = [...owners]
      .slice(0, 3)
      .map((tenant) => ({ kind: "tenant", text: tenant, more: "its graphs", href: tenantLink(tenant) }));
    if (answer.matched > 6)
      tenants.push({
        kind: "",
        text: `All ${answer.matched} graphs that match`,
        more: "",
        href: link("/graphs", { q: text }),
      });
  } catch (error) {
    if (error.name === "AbortError") return;
    told = error.message;
  }
  hits = [...shards, ...graphs, ...tenants];
  hits.push({
    kind: "",
    text: `Where would the tenant ${text} go?`,
    more: told,
    href: link("/where", { tenant: text }),
  });
  chosen = 0;
  draw();
}

export function startFinding() {
  const input = at("find-text");
  input.addEventListener("input", () => {
    clearTimeout(typing);
    const text = input.value.trim();
    if (!text) return close();
    typing = setTimeout(() => look(text), 80);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      if (input.value) {
        input.value = "";
        close();
      } else input.blur();
    }
    if (!hits.length || !/^Arrow(Up|Down)$/.test(event.key)) return;
    event.preventDefault();
    chosen = (chosen + (event.key === "ArrowDown" ? 1 : hits.length - 1)) % hits.length;
    draw();
  });
  input.addEventListener("blur", close);
  at("find").addEventListener("submit", async (event) => {
    event.preventDefault();
    clearTimeout(typing);
    const text = input.value.trim();
    if (!text) return;
    const now = hits[chosen];
    if (!now) await look(text);
    if (hits.length) open(now ?? hits[0]);
  });
}
