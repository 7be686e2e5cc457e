// The layout, away from the page: a spring for each edge, Barnes-Hut repulsion, positions posted every eight ticks.
// Nothing is random: the same input gives the same picture.

const THETA2 = 0.9 * 0.9,
  TICKS = 300,
  LIMIT_MS = 2000,
  EVERY = 8,
  REPULSION = 420,
  SPRING = 70,
  HELD = 0.2;

let job = 0;

/** A quadtree in flat arrays: per cell its mass and centre, four children, and the one body of a leaf. */
function tree(n) {
  const cells = 8 * n + 64;
  return {
    mass: new Float32Array(cells),
    cx: new Float32Array(cells),
    cy: new Float32Array(cells),
    child: new Int32Array(cells * 4),
    body: new Int32Array(cells),
    used: 0,
  };
}

function fresh(t) {
  const cell = t.used++;
  t.mass[cell] = t.cx[cell] = t.cy[cell] = 0;
  t.body[cell] = -1;
  t.child.fill(-1, cell * 4, cell * 4 + 4);
  return cell;
}

function build(t, xy, n) {
  let left = Infinity,
    top = Infinity,
    right = -Infinity,
    bottom = -Infinity;
  for (let i = 0; i < n; i++) {
    left = Math.min(left, xy[2 * i]);
    right = Math.max(right, xy[2 * i]);
    top = Math.min(top, xy[2 * i + 1]);
    bottom = Math.max(bottom, xy[2 * i + 1]);
  }
  const size = Math.max(right - left, bottom - top, 1);
  t.used = 0;
  fresh(t);
  const put = (from, x0, y0, width, i) => {
    let cell = from,
      x = x0,
      y = y0,
      w = width,
      moving = -1;
    const px = xy[2 * i],
      py = xy[2 * i + 1];
    for (let deep = 0; ; deep++) {
      const empty = t.mass[cell] === 0;
      t.cx[cell] += px;
      t.cy[cell] += py;
      t.mass[cell] += 1;
      // So deep lie only bodies in one place: they count as one.
      if (empty) {
        t.body[cell] = i;
        break;
      }
      if (deep > 24 || t.used > t.body.length - 4) break;
      moving = t.body[cell];
      t.body[cell] = -1;
      const half = w / 2;
      if (moving >= 0) {
        const mx = xy[2 * moving],
          my = xy[2 * moving + 1],
          quarter = (mx >= x + half ? 1 : 0) + (my >= y + half ? 2 : 0);
        const made = (t.child[cell * 4 + quarter] = fresh(t));
        t.mass[made] = 1;
        t.cx[made] = mx;
        t.cy[made] = my;
        t.body[made] = moving;
      }
      const quarter = (px >= x + half ? 1 : 0) + (py >= y + half ? 2 : 0);
      if (quarter & 1) x += half;
      if (quarter & 2) y += half;
      w = half;
      if (t.child[cell * 4 + quarter] < 0) t.child[cell * 4 + quarter] = fresh(t);
      cell = t.child[cell * 4 + quarter];
    }
  };
  for (let i = 0; i < n; i++) put(0, left, top, size, i);
  for (let cell = 0; cell < t.used; cell++)
    if (t.mass[cell] > 0) {
      t.cx[cell] /= t.mass[cell];
      t.cy[cell] /= t.mass[cell];
    }
  return size;
}

const stack = new Int32Array(4096),
  widths = new Float32Array(4096);

function repel(t, size, xy, v, i, alpha) {
  const px = xy[2 * i],
    py = xy[2 * i + 1];
  let fx = 0,
    fy = 0,
    top = 0;
  stack[0] = 0;
  widths[0] = size;
  top = 1;
  while (top > 0) {
    const cell = stack[--top],
      w = widths[top];
    let dx = px - t.cx[cell],
      dy = py - t.cy[cell],
      d2 = dx * dx + dy * dy;
    const leaf = t.body[cell] >= 0;
    if (leaf && t.body[cell] === i) continue;
    if (leaf || w * w < THETA2 * d2) {
      // Two bodies in one place go apart by their numbers.
      if (d2 < 1) {
        dx = ((i % 7) - 3) * 0.3 + 0.1;
        dy = ((i % 5) - 2) * 0.3 + 0.1;
        d2 = 1;
      }
      const force = (REPULSION * t.mass[cell]) / d2;
      fx += dx * force;
      fy += dy * force;
      continue;
    }
    for (let quarter = 0; quarter < 4; quarter++) {
      const child = t.child[cell * 4 + quarter];
      if (child >= 0 && top < 4090) {
        stack[top] = child;
        widths[top++] = w / 2;
      }
    }
  }
  v[2 * i] += fx * alpha;
  v[2 * i + 1] += fy * alpha;
}

function springs({ xy, edges, degree }, v, alpha) {
  for (let e = 0; e < edges.length; e += 2) {
    const a = edges[e],
      b = edges[e + 1];
    let dx = xy[2 * b] - xy[2 * a],
      dy = xy[2 * b + 1] - xy[2 * a + 1];
    const d = Math.sqrt(dx * dx + dy * dy) || 1,
      least = Math.min(degree[a], degree[b]);
    const pull =
        ((((d - SPRING - 4 * Math.sqrt(Math.max(degree[a], degree[b]))) / d) * alpha) / Math.max(1, least)) * 0.9,
      share = degree[a] / (degree[a] + degree[b]);
    dx *= pull;
    dy *= pull;
    v[2 * b] -= dx * share;
    v[2 * b + 1] -= dy * share;
    v[2 * a] += dx * (1 - share);
    v[2 * a + 1] += dy * (1 - share);
  }
}

function tick(state, t, v, alpha) {
  const { xy, n, hold } = state,
    size = build(t, xy, n);
  for (let i = 0; i < n; i++) if (hold[i] !== 1) repel(t, size, xy, v, i, alpha);
  springs(state, v, alpha);
  for (let i = 0; i < n; i++) {
    const free = hold[i] === 1 ? 0 : hold[i] === 2 ? HELD : 1;
    v[2 * i] = (v[2 * i] - xy[2 * i] * 0.012 * alpha) * 0.6;
    v[2 * i + 1] = (v[2 * i + 1] - xy[2 * i + 1] * 0.012 * alpha) * 0.6;
    const far = Math.hypot(v[2 * i], v[2 * i + 1]),
      cap = far > 60 ? 60 / far : 1;
    xy[2 * i] += v[2 * i] * free * cap;
    xy[2 * i + 1] += v[2 * i + 1] * free * cap;
  }
}

onmessage = ({ data }) => {
  const mine = (job = data.id);
  if (!data.xy) return;
  const n = data.xy.length / 2,
    degree = new Float32Array(n);
  for (const end of data.edges) degree[end]++;
  const state = { ...data, n, degree },
    t = tree(n),
    v = new Float32Array(2 * n),
    begun = performance.now();
  let done = 0;
  const some = () => {
    if (mine !== job) return;
    for (let i = 0; i < EVERY && done < TICKS; i++, done++) tick(state, t, v, Math.exp(-done * 0.022));
    const over = done >= TICKS || performance.now() - begun > LIMIT_MS,
      xy = state.xy.slice();
    postMessage({ id: mine, xy, over, ticks: done, ms: performance.now() - begun }, [xy.buffer]);
    if (!over) setTimeout(some);
  };
  some();
};
