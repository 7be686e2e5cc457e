// Pages and their addresses. What a page shows is in its address, so that Back, reload and a sent link show it again.

const routes = [];
let leave = null;

/** `path` may have parts that are named: `/shard/:n`. `part` fetches the module that draws the page. */
export function route(path, name, part) {
  routes.push({ name, part, pattern: new RegExp(`^${path.replace(/:(\w+)/g, "(?<$1>[^/]+)")}$`) });
}

function find() {
  for (const { name, part, pattern } of routes) {
    const match = pattern.exec(location.pathname);
    if (match) return { name, part, params: match.groups ?? {} };
  }
  return { name: "missing", params: {} };
}

const queryNow = () => Object.fromEntries(new URLSearchParams(location.search));

/** Changes parts of the query; null takes one away. `push` makes it a step that Back undoes. */
export function setQuery(changes, push = false) {
  const query = new URLSearchParams(location.search);
  for (const [key, value] of Object.entries(changes))
    value == null || value === "" ? query.delete(key) : query.set(key, value);
  const address = location.pathname + (query.size ? `?${query}` : "");
  if (address !== location.pathname + location.search) history[push ? "pushState" : "replaceState"]({}, "", address);
}

let enter = () => {};

function arrive(focus) {
  leave?.abort();
  leave = new AbortController();
  enter({ ...find(), query: queryNow(), signal: leave.signal, focus });
}

export function go(address) {
  if (address === location.pathname + location.search) return arrive(true);
  history.replaceState({ scroll: scrollY }, "");
  history.pushState({}, "", address);
  scrollTo(0, 0);
  arrive(true);
}

export function start(entered) {
  enter = entered;
  history.scrollRestoration = "manual";
  addEventListener("popstate", ({ state }) => {
    arrive(true);
    if (state?.scroll) requestAnimationFrame(() => scrollTo(0, state.scroll));
  });
  document.addEventListener("click", (event) => {
    const anchor = event.target.closest?.("a[href]");
    if (
      !anchor ||
      event.defaultPrevented ||
      event.button ||
      event.ctrlKey ||
      event.metaKey ||
      event.shiftKey ||
      anchor.target
    )
      return;
    const address = new URL(anchor.href, location.href);
    if (
      address.origin !== location.origin ||
      anchor.getAttribute("href").startsWith("#") ||
      anchor.dataset.plain !== undefined
    )
      return;
    event.preventDefault();
    go(address.pathname + address.search);
  });
  arrive(false);
}
