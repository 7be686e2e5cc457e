// One graph in the explorer: search and legend, the drawing or its table, the node beside it. The address holds what is shown.

import { ask } from "../lib/api.js";
import { age } from "../lib/ages.js";
import { at, h } from "../lib/dom.js";
import { count, plural } from "../lib/format.js";
import { title } from "../lib/frame.js";
import { visible } from "../lib/names.js";
import { heading } from "../lib/page.js";
import { failed } from "../lib/states.js";
import { segments } from "../lib/table.js";
import { tier, watchTier } from "../lib/tier.js";
import { onKey } from "../lib/keys.js";
import { Explorer } from "./explorer.js";
import { press } from "./keys.js";
import { nodePanel } from "./node.js";
import { graphHead, legend, Search } from "./search.js";
import { Stage } from "./stage.js";
import { NeighbourTable } from "./table.js";

const VIEWS = [
    ["force", "Force"],
    ["rings", "Rings"],
    ["table", "Table"],
  ],
  SHEETS = ["low", "half", "full"];
const folds = { left: false, right: false };

function refusal() {
  const off = tier.answer && tier.answer.explore === false;
  return (
    off &&
    h(
      "div",
      { class: "textpage" },
      heading("Explorer"),
      h(
        "p",
        { class: "notice" },
        "◌ ",
        tier.answer.explore_why?.replace(/^./, (c) => c.toUpperCase()) ??
          "The explorer shows the content of graphs, so it is off until the gateway is started with --explore and a token.",
      ),
    )
  );
}

function stopped(explorer, search) {
  const trouble = search.trouble ?? explorer.trouble;
  return trouble && !explorer.model.size && [403, 404].includes(trouble.status) && trouble;
}

export default function explored(page) {
  const { query } = page;
  let graph = null,
    sheet = "low",
    waiting = false,
    picker = "";
  const soon = () => {
    if (!waiting) {
      waiting = true;
      queueMicrotask(() => {
        waiting = false;
        draw();
      });
    }
  };
  const explorer = new Explorer(query.graph, page.signal, soon),
    search = new Search(explorer, query),
    table = new NeighbourTable(explorer);
  explorer.view = VIEWS.some(([view]) => view === query.view) ? query.view : innerWidth <= 720 ? "table" : "force";

  const actions = {
    select: (id) => {
      if (id !== null && sheet === "low") sheet = "half";
      explorer.select(id);
    },
    expand: (id) => explorer.expand(id),
    pin: (id, pinned) => explorer.pin(id, pinned),
    chip: (id) => byLabel(id),
    choose: (ids) => {
      explorer.chosen = new Set(ids);
      soon();
    },
    zoomed: (k) => {
      const now = at("zoom-now");
      if (now) now.textContent = `${Math.round(k * 100)} %`;
    },
  };
  const byLabel = (id) => {
    explorer.setView("table");
    table.show(id);
    soon();
    requestAnimationFrame(() => page.root.querySelector(".tableview select")?.focus());
  };
  const toPath = () => {
    explorer.picking = !explorer.picking && explorer.selected != null;
    soon();
    if (explorer.picking) requestAnimationFrame(() => at("path-to")?.focus());
  };
  const setView = (view) => {
    explorer.setView(view);
    if (view === "table") table.show(explorer.selected);
  };
  const views = () => setView(VIEWS[(VIEWS.findIndex(([view]) => view === explorer.view) + 1) % 3][0]);
  const fold = (side) => {
    folds[side] = !folds[side];
    draw();
    return true;
  };
  onKey(["["], () => fold("left"), page.signal);
  onKey(["]"], () => fold("right"), page.signal);
  onKey(
    ["v"],
    () => {
      views();
      return true;
    },
    page.signal,
  );
  onKey(
    ["u"],
    () => {
      explorer.undo();
      return true;
    },
    page.signal,
  );

  const bar = () =>
    h(
      "div",
      { class: "toolbar", role: "toolbar", "aria-label": "Drawing" },
      segments("View", VIEWS, explorer.view, setView),
      h(
        "button",
        {
          type: "button",
          "aria-pressed": String(explorer.picking),
          disabled: explorer.selected == null,
          onclick: toPath,
        },
        "Path…",
      ),
      h(
        "label",
        { class: "blast" },
        h("span", { class: "sr" }, "Blast radius"),
        h(
          "select",
          {
            id: "blast",
            "data-key": `blast${explorer.blast}`,
            disabled: explorer.selected == null && !explorer.blast,
            onchange: (event) =>
              explorer.blastFrom(explorer.blastAnswer?.from ?? explorer.selected, Number(event.target.value)),
          },
          [0, 1, 2, 3, 4, 5, 6].map((depth) =>
            h(
              "option",
              { value: depth, selected: depth === explorer.blast },
              depth ? `Blast: ${plural(depth, "hop")}` : "Blast: off",
            ),
          ),
        ),
      ),
      h(
        "button",
        { type: "button", disabled: !explorer.model.past.length || explorer.blast > 0, onclick: () => explorer.undo() },
        "Undo",
      ),
      explorer.view !== "table" &&
        h(
          "div",
          { class: "segments zoom", role: "group", "aria-label": "Zoom" },
          [
            ["−", 0.8, "Smaller"],
            [`${Math.round((explorer.stage?.view.k ?? 1) * 100)} %`, 0, "100 %"],
            ["+", 1.25, "Larger"],
            ["Fit", null, "Fit"],
          ].map(([text, by, name]) =>
            h(
              "button",
              {
                type: "button",
                id: by === 0 ? "zoom-now" : null,
                "aria-label": name === text ? null : by === 0 ? null : name,
                onclick: () =>
                  by === null ? explorer.stage.fit() : explorer.stage.zoom(by || 1 / explorer.stage.view.k),
              },
              text,
            ),
          ),
        ),
    );

  const picking = () =>
    explorer.picking &&
    h(
      "form",
      {
        class: "picker",
        onsubmit: (event) => {
          event.preventDefault();
          const to = at("path-to").value;
          if (to) explorer.findPath(to);
        },
      },
      h("label", { for: "path-to" }, "Path to: choose a node in the drawing, or its id"),
      h("input", { id: "path-to", type: "search", value: picker, autocomplete: "off", spellcheck: "false" }),
      h("button", { class: "primary" }, "Find"),
    );

  const status = () => {
    const { model } = explorer,
      folded = [...model.nodes.values()].map((node) => model.folded(node)).filter(Boolean);
    return h(
      "p",
      { class: "status", role: "status" },
      h(
        "span",
        {},
        `${count(model.size)} nodes, ${count(model.edges.size)} edges drawn of at most ${count(model.most)}`,
      ),
      folded.length > 0 &&
        h(
          "span",
          {},
          `${[...model.nodes.values()].some((node) => node.inexact && model.folded(node)) ? "at least " : ""}${count(folded.reduce((sum, n) => sum + n, 0))} neighbours folded into ${plural(folded.length, "chip")}`,
        ),
      explorer.said && h("span", { class: "warn" }, `▲ ${explorer.said}`),
      model.cut > 0 && h("span", { class: "warn" }, `▲ ${count(model.cut)} left out`),
      explorer.newer != null
        ? h(
            "span",
            {},
            `changed since ${count(explorer.sequence)}, `,
            h("button", { type: "button", class: "plain", onclick: () => explorer.again() }, "read again"),
          )
        : explorer.readAt &&
            h(
              "span",
              {},
              "read ",
              age(explorer.readAt),
              explorer.sequence != null && ` at change ${count(explorer.sequence)}`,
            ),
    );
  };

  // What the canvas shows of the selection, for who does not see it.
  const mirror = () =>
    explorer.selected != null &&
    explorer.model.near.has(explorer.selected) &&
    h(
      "div",
      { class: "sr", role: "listbox", "aria-label": `Drawn neighbours of ${visible(explorer.selected)}` },
      [...explorer.model.near.get(explorer.selected)]
        .slice(0, 200)
        .map((id) =>
          h(
            "div",
            { role: "option", "aria-selected": "false" },
            `${visible(explorer.model.nodes.get(id).label)} ${visible(id)}`,
          ),
        ),
    );

  const canvas = () =>
    h("canvas", {
      class: "canvas",
      "data-own": "true",
      "data-key": "canvas",
      tabindex: "0",
      role: "application",
      "aria-roledescription": "graph",
      "aria-label": `Drawing of ${visible(explorer.graph)}: ${plural(explorer.model.size, "node")}`,
      onkeydown: (event) => {
        if (!event.ctrlKey && !event.metaKey && !event.altKey && press(explorer, event, { byLabel, toPath, views })) {
          event.preventDefault();
          event.stopPropagation();
        }
      },
    });

  const draw = () => {
    const off = refusal(),
      stop = stopped(explorer, search);
    if (off) return page.draw(off);
    if (stop)
      return page.draw(
        h(
          "div",
          { class: "textpage" },
          heading("Explorer"),
          failed(stop),
          h("p", {}, h("a", { href: "/explore" }, "Choose another graph ›")),
        ),
      );
    const drawing = explorer.view !== "table",
      narrow = innerWidth <= 720;
    const next = SHEETS[(SHEETS.indexOf(sheet) + 1) % 3];
    page.draw(
      h(
        "div",
        {
          class: `explorer ${folds.left ? "no-left" : ""} ${folds.right ? "no-right" : ""} ${drawing ? "drawing" : "listing"} sheet-${sheet}`,
        },
        h("h1", { class: "sr", tabindex: "-1" }, `Explorer: ${visible(explorer.graph)}`),
        h(
          "aside",
          { class: "side left", "aria-label": "Search and legend" },
          graphHead(explorer, graph),
          search.draw(),
          legend(explorer),
          h(
            "section",
            { class: "part keyhints" },
            ["e expand", "p path", "b blast radius", "f fit", "↑↓←→ next node", "? all keys"].map((text) =>
              h("span", {}, h("kbd", {}, text.split(" ")[0]), ` ${text.split(" ").slice(1).join(" ")}`),
            ),
          ),
        ),
        h(
          "div",
          { class: "middle" },
          bar(),
          picking(),
          drawing ? canvas() : table.draw(),
          drawing &&
            !explorer.model.size &&
            h(
              "p",
              { class: "nothing" },
              explorer.busy ? "" : "Find a node on the left: it is drawn with its first neighbours.",
            ),
          mirror(),
          status(),
        ),
        h(
          "aside",
          { class: "side right", "aria-label": "Node" },
          narrow &&
            explorer.selected != null &&
            h(
              "button",
              {
                type: "button",
                class: "handle",
                onclick: () => {
                  sheet = next;
                  draw();
                },
              },
              `▲ ${next}`,
            ),
          explorer.trouble && h("section", { class: "part" }, failed(explorer.trouble, explorer.retry)),
          nodePanel(explorer, { table: byLabel }),
        ),
      ),
    );
    const element = page.root.querySelector("canvas");
    if (element && element !== explorer.stage?.canvas) {
      explorer.stage = new Stage(element, explorer, actions, page.signal);
      if (explorer.view === "rings") explorer.arrange();
    }
    if (!element) explorer.stage = null;
    if (!drawing && table.which === "near" && table.of !== explorer.selected && explorer.selected != null)
      table.show(explorer.selected);
  };

  title(`Explorer ${visible(explorer.graph).slice(0, 60)}`);
  draw();
  const begin = async () => {
    if (tier.answer?.explore === false) return;
    search.look();
    const resumed = explorer.resume();
    const id = query.node;
    if (id !== undefined) {
      if (resumed && explorer.model.nodes.has(id)) {
        explorer.select(id, { push: false });
        if (explorer.view === "rings") explorer.arrange();
      } else await explorer.open(id, { push: false, depth: Number(query.depth ?? 1) });
      if (Number(query.blast) > 0) await explorer.blastFrom(id, Math.min(6, Number(query.blast)));
      else if (query.to !== undefined) await explorer.findPath(query.to);
    }
  };
  page.every(10000, async () => {
    graph = await ask("/api/graph", { name: query.graph }, { signal: page.signal }).catch(() => graph);
    draw();
  });
  let begun = false;
  watchTier(({ answer }) => {
    if (answer && !begun) {
      begun = true;
      begin();
    }
  }, page.signal);
}
