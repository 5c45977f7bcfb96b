// The trade-off in one plane, as an SVG of its own: it keeps its zoom and its selection when students come in, draws the
// ring at the click, and thousands of dominated students are a few paths of dots.
const KINDS = ['searched student', 'baseline: worst-case bag of words', 'baseline: plain chain'];
const GREY = '#7b8494', INKS = ['#2f6fe0', '#a85a00', '#8a5fd6', '#0b8570', '#c2418a', '#6b7a00'];
const SCALE = [[63, 111, 216], [20, 140, 128], [176, 120, 0]];
const ON_FRONT = 1, KNEE = 2, WEIGHTS = 4, COUNTS = 8;
const LEFT = 58, TOP = 36, BOTTOM = 46, RIGHT = 14, NEAR = 16, MOST_NAMES = 16;
const SVG = 'http://www.w3.org/2000/svg';
const FIELDS = ['name', 'accuracy', 'robustness', 'compression', 'low', 'high', 'accuracyLow', 'accuracyHigh', 'certified',
  'attacked', 'kind', 'code', 'flags'];

const make = (name, attributes, parent, text) => {
  const node = document.createElementNS(SVG, name);
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  if (text !== undefined) node.textContent = text;
  if (parent) parent.append(node);
  return node;
};
const percent = share => `${(100 * share).toFixed(1)}%`;
const between = (low, high) => `${Math.round(100 * low)}–${Math.round(100 * high)}%`;

// Outline of a mark: a circle is searched, a hexagon a bag of words, a square a chain, a diamond the teacher.
function outline(kind, x, y, r) {
  const corners = { 1: [6, Math.PI / 6, 1.1], 2: [4, Math.PI / 4, 1.2], 3: [4, 0, 1.25] }[kind];
  if (!corners) return `M${x - r},${y}a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0Z`;
  const [count, turn, wide] = corners;
  return Array.from({ length: count }, (_, i) => {
    const angle = turn + 2 * Math.PI * i / count;
    return `${i ? 'L' : 'M'}${(x + wide * r * Math.cos(angle)).toFixed(1)},${(y + wide * r * Math.sin(angle)).toFixed(1)}`;
  }).join('') + 'Z';
}

class Scale {
  constructor(axis, low, high, from, to) {
    Object.assign(this, { axis, low, high, from, to, of: axis.log ? Math.log10 : v => v, back: axis.log ? v => 10 ** v : v => v });
  }
  at(value) { return this.from + (this.of(value) - this.low) / (this.high - this.low) * (this.to - this.from); }
  value(place) { return this.low + (place - this.from) / (this.to - this.from) * (this.high - this.low); }
  written(value) { return this.axis.share ? `${+(100 * value).toFixed(1)}%` : `${+value.toPrecision(3)}×`; }
  ticks(most) {
    if (this.axis.log && this.high - this.low > 0.8) {
      const all = [];
      for (let power = Math.floor(this.low); power <= this.high; power++) {
        for (const digit of [1, 2, 5]) all.push(digit * 10 ** power);
      }
      const inside = all.filter(v => this.of(v) >= this.low && this.of(v) <= this.high);
      return inside.length > most ? inside.filter(v => /^1|^0\.0*1/.test(String(v))) : inside;
    }
    const [low, high] = [this.back(this.low), this.back(this.high)], raw = (high - low) / most, size = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 2.5, 5, 10].map(n => n * size).find(s => s >= raw), found = [];
    for (let v = Math.ceil(low / step) * step; v <= high + 1e-9; v += step) found.push(+v.toFixed(10));
    return found;
  }
}

class Chart {
  constructor(host) {
    this.host = host;
    host.innerHTML = `<svg role="group"></svg><div class="tools"></div><div class="tip" hidden></div><div class="legend"></div>`;
    [this.svg, this.tools, this.tip, this.legend] = host.children;
    this.zoom = null; this.chosen = []; this.drawing = false; this.known = null; this.fresh = new Map();
    this.button('+', 'Zoom in', () => this.scaleBy(0.7));
    this.button('−', 'Zoom out', () => this.scaleBy(1 / 0.7));
    this.button('⟲', 'Show everything', () => { this.zoom = null; this.draw(); });
    this.lasso = this.button('◌', 'Draw around students to choose several', () => this.setDrawing(!this.drawing), 'Lasso');
    this.button('⤓', 'Save the picture (SVG)', () => this.save());
    this.svg.onpointerdown = event => this.down(event);
    this.svg.onpointermove = event => this.move(event);
    this.svg.onpointerup = this.svg.onpointercancel = event => this.up(event);
    this.svg.onpointerleave = () => { this.tip.hidden = true; };
    this.svg.ondblclick = () => { this.zoom = null; this.draw(); };
    this.svg.addEventListener('wheel', event => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.scaleBy(event.deltaY > 0 ? 1.15 : 1 / 1.15, this.place(event));
    }, { passive: false });
    new ResizeObserver(() => this.draw()).observe(host);
  }

  button(symbol, title, act, word = '') {
    const one = document.createElement('button');
    Object.assign(one, { textContent: `${symbol} ${word}`.trim(), title, onclick: act, type: 'button' });
    one.setAttribute('aria-label', word ? `${symbol} ${word}: ${title.toLowerCase()}` : title);
    this.tools.append(one);
    return one;
  }

  setDrawing(on) {
    this.drawing = on;
    this.lasso.setAttribute('aria-pressed', on);
    this.svg.classList.toggle('drawing', on);
    if (!on && this.chosen.length) { this.chosen = []; this.tell('chosen', []); this.draw(); }
  }

  update(data, tell) {
    this.tell = tell;
    if (data.raw === this.raw) return;
    this.raw = data.raw;
    const { view, run } = JSON.parse(data.raw);
    if (this.view && this.view.of !== view.of) { this.zoom = null; this.known = null; this.chosen = []; this.fresh.clear(); }
    if (this.view && this.view.plane.join() !== view.plane.join()) this.zoom = null;
    Object.assign(this, { view, run });
    this.rows = run.points.map(values => Object.fromEntries(FIELDS.map((field, i) => [field, values[i]])));
    for (const row of this.rows) { row.provable = row.certified !== null; row.certified ??= 0; }
    const names = new Set(this.rows.map(row => row.name));
    if (this.known) for (const name of names) if (!this.known.has(name)) this.fresh.set(name, performance.now());
    this.known = names;
    this.picked = view.picked;
    if (view.shown) { const some = new Set(view.shown); this.rows = this.rows.filter(row => some.has(row.name)); }
    this.tools.hidden = this.legend.hidden = view.small;
    this.tools.style.display = view.small ? 'none' : '';
    this.draw();
  }

  worth(row, key) { return row.flags & COUNTS ? row[key] : 0; }

  inPlane(x, y) {
    const order = [...this.rows].sort((a, b) => this.worth(b, x) - this.worth(a, x) || this.worth(b, y) - this.worth(a, y));
    let best = -Infinity, at = NaN;
    return new Set(order.filter(row => {
      const [vx, vy] = [this.worth(row, x), this.worth(row, y)];
      if (!(vx > 0 || vy > 0) || !(vy > best || (vy === best && vx === at))) return false;
      best = vy; at = vx;
      return true;
    }));
  }

  extent(axis, values) {
    const of = axis.log ? Math.log10 : v => v;
    if (!values.length) return axis.share ? [0, 1] : [of(1), of(10)];
    let low = Math.min(...values.map(of)), high = Math.max(...values.map(of));
    const room = Math.max((high - low) * 0.08, axis.share ? 0.02 : 0.05);
    low -= room; high += room;
    return axis.share ? [Math.max(low, -0.03), Math.min(high, 1.03)] : [low, high];
  }

  draw() {
    if (!this.view) return;
    const { view, run, svg } = this, width = this.host.clientWidth, height = view.height;
    if (!width) return;
    const [xk, yk, ck] = view.plane, xa = view.axes[xk], ya = view.axes[yk], ca = view.axes[ck];
    const bottom = view.small ? 40 : BOTTOM, top = view.small ? 10 : TOP, right = width - RIGHT, floor = height - bottom;
    const best = this.inPlane(xk, yk);
    const rows = view.dominated ? this.rows : this.rows.filter(row => best.has(row) || row.flags & ON_FRONT);
    const ofProof = yk === 'certified';
    const teacher = run.teacher && !ofProof && { ...run.teacher, compression: 1 };
    const again = ofProof ? [] : view.again.map(values => ({ ...this.rows.find(row => row.name === values[0]), now: {
      accuracy: values[1], robustness: values[2], low: values[3], high: values[4], attacked: values[5] } })).filter(row => row.name);
    const all = [...rows, ...(teacher ? [teacher] : [])];
    const others = view.others.flatMap(other => other.points);
    const xs = [...all.map(row => row[xk]), ...others.map(p => p[0]), ...again.map(row => row.now[xk] ?? row[xk])];
    const ys = [...all.map(row => row[yk]), ...others.map(p => p[1]), ...again.map(row => row.now[yk] ?? row[yk])];
    const [x0, x1, y0, y1] = this.zoom || [...this.extent(xa, xs), ...this.extent(ya, ys)];
    const x = this.x = new Scale(xa, x0, x1, LEFT, right), y = this.y = new Scale(ya, y0, y1, floor, top);
    this.drawn = rows;

    svg.replaceChildren();
    svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    svg.setAttribute('height', height);
    svg.setAttribute('aria-label', view.label);
    const clip = make('clipPath', { id: 'inside' }, make('defs', {}, svg));
    make('rect', { x: LEFT, y: top, width: Math.max(1, right - LEFT), height: Math.max(1, floor - top) }, clip);
    for (const v of x.ticks(Math.max(3, width / 110))) {
      make('path', { class: 'grid', d: `M${x.at(v)},${top}V${floor}` }, svg);
      make('text', { class: 'text', x: x.at(v), y: floor + 17, 'text-anchor': 'middle' }, svg, x.written(v));
    }
    for (const v of y.ticks(Math.max(3, height / 70))) {
      make('path', { class: 'grid', d: `M${LEFT},${y.at(v)}H${right}` }, svg);
      make('text', { class: 'text', x: LEFT - 6, y: y.at(v) + 4, 'text-anchor': 'end' }, svg, y.written(v));
    }
    make('text', { class: 'text title', x: (LEFT + right) / 2, y: height - 6, 'text-anchor': 'middle' }, svg, `${xa.title} → better`);
    make('text', { class: 'text title', x: -(top + floor) / 2, y: 13, 'text-anchor': 'middle', transform: 'rotate(-90)' }, svg,
      `${ya.title} → better`);
    const inside = make('g', { 'clip-path': 'url(#inside)' }, svg);

    const corners = [...best].map(row => [x.at(row[xk]), y.at(row[yk])]).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    const stepped = places => places.map(([px, py], i) => i ? `V${py}H${px}` : `M${px},${py}`).join('');
    view.others.forEach((other, i) => {
      const ink = INKS[(i + 2) % INKS.length], places = other.points.map(([vx, vy]) => [x.at(vx), y.at(vy)]);
      make('path', { class: 'other', stroke: ink, d: stepped(places) }, inside);
      make('path', { class: 'other', stroke: ink, d: places.map(([px, py]) => `M${px - 4},${py - 4}l8,8m0,-8l-8,8`).join('') }, inside);
    });
    make('path', { class: 'steps', d: stepped(corners) }, inside);

    const colour = this.colours(rows, view.colour, ck, ca);
    const beaten = rows.filter(row => !best.has(row) && !(row.flags & ON_FRONT)), shown = rows.filter(row => best.has(row) || row.flags & ON_FRONT);
    const many = beaten.length > 400, r = many ? 2.5 : 4;
    const groups = new Map();
    for (const row of beaten) {
      const ink = view.colour === 'kind' ? GREY : many ? GREY : colour(row), key = `${ink} ${row.kind} ${row.flags & WEIGHTS}`;
      groups.set(key, (groups.get(key) || '') + (many ? `M${x.at(row[xk]).toFixed(1)},${y.at(row[yk]).toFixed(1)}h.01` : outline(row.kind, x.at(row[xk]), y.at(row[yk]), r)));
    }
    for (const [key, d] of groups) {
      const [ink, , weights] = key.split(' ');
      if (many) make('path', { class: 'dots', stroke: ink, 'stroke-width': 2 * r, d }, inside);
      else make('path', { class: weights === '0' ? 'hollow' : '', fill: weights === '0' ? undefined : ink, stroke: ink, 'stroke-width': 1.5, d }, inside);
    }
    const whiskers = rows.filter(row => best.has(row) || row.name === this.picked);
    let d = '';
    for (const row of whiskers) {
      const [px, py] = [x.at(row[xk]), y.at(row[yk])];
      const [xb, yb] = [xk, yk].map(key => key === 'accuracy' ? [row.accuracyLow, row.accuracyHigh] : key === 'robustness' ? [row.low, row.high] : null);
      if (xb) d += `M${x.at(xb[0])},${py}H${x.at(xb[1])}`;
      if (yb) d += `M${px},${y.at(yb[0])}V${y.at(yb[1])}`;
    }
    make('path', { class: 'whisker', d }, inside);
    const proved = yk === 'robustness' ? whiskers.filter(row => row.provable) : [];
    if (proved.length) make('path', { class: 'proved', d: proved.map(row => `M${x.at(row[xk]) - 9},${y.at(row.certified)}h18`).join('') }, inside);
    for (const row of again) {
      const [ax, ay] = [x.at(row.now[xk] ?? row[xk]), y.at(row.now[yk] ?? row[yk])];
      make('path', { class: 'again way', d: `M${x.at(row[xk])},${y.at(row[yk])}L${ax},${ay}` }, inside);
      make('path', { class: 'again', d: `M${ax - 5},${ay - 5}h10v10h-10Z` }, inside);
    }
    if (teacher) {
      const [px, py] = [x.at(teacher[xk]), y.at(teacher[yk])];
      make('path', { fill: GREY, stroke: GREY, d: outline(3, px, py, 7) }, inside);
      make('text', { class: 'text name', x: px, y: py - 13, 'text-anchor': px > right - 40 ? 'end' : px < LEFT + 40 ? 'start' : 'middle' }, inside, 'teacher');
    }
    const size = row => best.has(row) ? 8 : 5.5;
    for (const row of shown.sort((a, b) => best.has(a) - best.has(b))) {
      const ink = colour(row), hollow = !(row.flags & WEIGHTS);
      const mark = make('path', { class: `mark ${hollow ? 'hollow' : ''}`, stroke: ink, 'stroke-width': hollow ? 2.5 : 1.5,
        d: outline(row.kind, x.at(row[xk]), y.at(row[yk]), size(row)), 'data-name': row.name, tabindex: 0, role: 'button',
        'aria-label': `${row.name}, ${KINDS[row.kind]}, ${percent(row.accuracy)} clean, ${percent(row.robustness)} after attack` }, inside);
      if (!hollow) mark.setAttribute('fill', ink);
      mark.onkeydown = event => { if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); this.pick(row); } };
    }
    if (!this.rows.length) {
      make('text', { class: 'text title', x: (LEFT + right) / 2, y: (top + floor) / 2, 'text-anchor': 'middle' }, svg, view.empty);
    }
    const knee = rows.find(row => row.flags & KNEE);
    if (knee) {
      const [px, py] = [x.at(knee[xk]), y.at(knee[yk])];
      make('text', { class: 'knee', x: px - 15, y: py - 5, 'text-anchor': 'middle', 'font-size': 15, style: 'paint-order: stroke; stroke: var(--st-background-color); stroke-width: 3px' }, inside, '★');
    }
    this.writeNames(inside, [...best], x, y, xk, yk, size, teacher);
    const now = performance.now();
    for (const row of rows) {
      const since = this.fresh.get(row.name);
      if (since === undefined || now - since > 8000) continue;
      make('circle', { class: 'news', 'data-new': row.name, cx: x.at(row[xk]), cy: y.at(row[yk]), r: 12, style: `animation-delay: ${since - now}ms` }, inside);
    }
    for (const name of this.chosen) this.circle(inside, rows.find(row => row.name === name), 10, 1.5);
    this.circle(inside, this.picked && rows.find(row => row.name === this.picked), 14, 3, true);
    if (this.draft) make('path', { class: 'draft', d: `M${this.draft.map(p => p.join()).join('L')}Z` }, svg);
    this.writeLegend(rows, ca, ck, yk);
  }

  circle(parent, row, r, width, named) {
    if (!row) return;
    const [xk, yk] = this.view.plane, [px, py] = [this.x.at(row[xk]), this.y.at(row[yk])];
    make('circle', { class: 'ring', cx: px, cy: py, r, 'stroke-width': width, 'data-ring': row.name }, parent);
    if (named) make('text', { class: 'text name', x: px, y: py + r + 13, 'text-anchor': 'middle' }, parent, row.name);
  }

  writeNames(parent, rows, x, y, xk, yk, size, teacher) {
    if (rows.length > MOST_NAMES) return;
    const taken = teacher ? [[x.at(teacher[xk]) - 30, y.at(teacher[yk]) - 26, 60, 34]] : [];
    for (const row of rows) {
      if (row.name === this.picked) continue;
      const box = [x.at(row[xk]) + size(row) + 3, y.at(row[yk]) - size(row) - 12, 42, 14];
      if (box[0] + 42 > x.to) box[0] = x.at(row[xk]) - size(row) - 45;
      if (taken.some(([a, b, w, h]) => box[0] < a + w && a < box[0] + box[2] && box[1] < b + h && b < box[1] + box[3])) continue;
      taken.push(box);
      make('text', { class: 'text name', x: box[0], y: box[1] + 11, style: 'pointer-events: none' }, parent, row.name);
    }
  }

  colours(rows, how, ck, ca) {
    if (how === 'kind') return row => INKS[row.kind];
    if (how === 'code') return row => INKS[row.code % INKS.length];
    const values = rows.map(row => row[ck]), low = Math.min(...values), high = Math.max(...values), of = ca.log ? Math.log10 : v => v;
    this.range = [low, high];
    return row => {
      const share = high > low ? (of(row[ck]) - of(low)) / (of(high) - of(low)) : 0.5, i = share < 0.5 ? 0 : 1, t = share * 2 - i;
      return `rgb(${SCALE[i].map((c, k) => Math.round(c + t * (SCALE[i + 1][k] - c))).join()})`;
    };
  }

  writeLegend(rows, ca, ck, yk) {
    const { view } = this, items = [];
    if (view.small) return;
    const sign = (kind, ink, hollow, r = 6) => `<svg viewBox="0 0 16 16" aria-hidden="true"><path d="${outline(kind, 8, 8, r)}" stroke="${ink}" stroke-width="1.8" fill="${hollow ? 'none' : ink}"/></svg>`;
    const line = (ink, dash) => `<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M0,8H16" stroke="${ink}" stroke-width="2" stroke-dasharray="${dash}"/></svg>`;
    const kinds = [0, 1, 2].filter(kind => rows.some(row => row.kind === kind));
    const neutral = view.colour === 'kind' ? null : 'currentColor';
    for (const kind of kinds) items.push(sign(kind, neutral || INKS[kind], !!neutral) + KINDS[kind]);
    if (view.colour === 'code') this.run.codes.forEach((code, i) => items.push(sign(0, INKS[i % INKS.length]) + `code ${code}`));
    if (view.colour === 'third' && this.range && rows.length) {
      const written = v => ca.share ? percent(v) : `${v.toFixed(1)}×`, [low, high] = this.range;
      const stops = SCALE.map(c => `rgb(${c.join()})`).join();
      items.push(low < high ? `${ca.title} ${written(low)} <i class="bar" style="background: linear-gradient(90deg, ${stops})"></i> ${written(high)}` : `${ca.title} ${written(low)}`);
    }
    if (view.dominated) items.push(sign(0, GREY, false, 4) + 'dominated');
    if (rows.some(row => !(row.flags & WEIGHTS))) items.push(sign(0, 'currentColor', true, 5) + 'hollow: weights not included');
    if (this.run.teacher && yk !== 'certified') items.push(sign(3, GREY) + 'teacher');
    if (rows.some(row => row.flags & KNEE)) items.push('<b style="color: #d9480f">★</b> knee: best compromise');
    items.push(line('#2f6fe0', '2 3') + 'Pareto front of these two');
    if (yk === 'robustness' && rows.some(row => row.provable)) items.push(line('#21915f', '') + 'certified share');
    if (view.again.length) items.push(sign(2, '#d9480f', true, 5) + 'held-out sentences');
    this.legend.innerHTML = items.map(item => `<span>${item}</span>`).join('');
    view.others.forEach((other, i) => {
      const one = document.createElement('span');
      one.innerHTML = line(INKS[(i + 2) % INKS.length], '');
      one.append(other.run);
      this.legend.append(one);
    });
  }

  // Students and where they are drawn, in pixels of the window.
  places() {
    const box = this.svg.getBoundingClientRect(), [xk, yk] = this.view.plane;
    return this.drawn.map(row => [row.name, box.x + this.x.at(row[xk]), box.y + this.y.at(row[yk])]);
  }

  place(event) {
    const box = this.svg.getBoundingClientRect();
    return [event.clientX - box.x, event.clientY - box.y];
  }

  nearest([px, py]) {
    const [xk, yk] = this.view.plane;
    let found = null, least = NEAR;
    for (const row of this.drawn) {
      const away = Math.hypot(this.x.at(row[xk]) - px, this.y.at(row[yk]) - py);
      if (away < least) { least = away; found = row; }
    }
    return found;
  }

  down(event) {
    if (event.button) return;
    this.start = { place: this.place(event), zoom: [this.x.low, this.x.high, this.y.low, this.y.high], moved: false };
    if (this.drawing) this.draft = [this.start.place];
    if (event.pointerType !== 'touch' || this.drawing) this.svg.setPointerCapture(event.pointerId);
  }

  move(event) {
    const place = this.place(event), { start } = this;
    if (!start) return this.hover(place);
    if (Math.hypot(place[0] - start.place[0], place[1] - start.place[1]) > 4) start.moved = true;
    if (!start.moved || (event.pointerType === 'touch' && !this.drawing)) return;
    this.tip.hidden = true;
    if (this.draft) this.draft.push(place);
    else {
      const [x0, x1, y0, y1] = start.zoom;
      const dx = (place[0] - start.place[0]) / (this.x.to - this.x.from) * (x1 - x0), dy = (place[1] - start.place[1]) / (this.y.to - this.y.from) * (y1 - y0);
      this.zoom = [x0 - dx, x1 - dx, y0 - dy, y1 - dy];
    }
    requestAnimationFrame(() => this.draw());
  }

  up(event) {
    const { start, draft } = this;
    this.start = this.draft = null;
    if (!start || event.type === 'pointercancel') return;
    if (!start.moved) { const row = this.nearest(start.place); if (row) this.pick(row); else if (draft) this.draw(); return; }
    if (!draft) return;
    const [xk, yk] = this.view.plane;
    const within = ([px, py]) => draft.reduce((odd, [ax, ay], i) => {
      const [bx, by] = draft[(i + 1) % draft.length];
      return (ay > py) !== (by > py) && px < (bx - ax) * (py - ay) / (by - ay) + ax ? !odd : odd;
    }, false);
    this.chosen = this.drawn.filter(row => within([this.x.at(row[xk]), this.y.at(row[yk])])).map(row => row.name);
    this.tell('chosen', this.chosen);
    this.draw();
  }

  pick(row) {
    this.picked = row.name;
    this.draw();
    this.tell('student', [row.name, Date.now()]);
  }

  hover(place) {
    const row = this.nearest(place), { tip } = this;
    tip.hidden = !row;
    this.svg.style.cursor = this.drawing ? '' : row ? 'pointer' : '';
    if (!row) return;
    const lines = [KINDS[row.kind], `clean ${percent(row.accuracy)}`,
      `after attack ${percent(row.robustness)} (${between(row.low, row.high)}, n = ${row.attacked})`];
    lines.push(row.provable ? `proved ${percent(row.certified)}` : 'nothing proved');
    lines.push(`${row.compression.toFixed(1)}× smaller than the teacher`);
    if (!(row.flags & COUNTS)) lines.push('below the accuracy floor');
    if (!(row.flags & WEIGHTS)) lines.push('weights not included');
    const bold = document.createElement('b');
    bold.textContent = row.name + (row.flags & KNEE ? ' ★ knee' : row.flags & ON_FRONT ? ' on the Pareto front' : '');
    tip.replaceChildren(bold, ...lines.flatMap(text => [document.createElement('br'), text]));
    const [xk, yk] = this.view.plane, px = this.x.at(row[xk]), py = this.y.at(row[yk]);
    tip.style.left = `${Math.max(0, px > this.host.clientWidth / 2 ? px - tip.offsetWidth - 14 : px + 14)}px`;
    tip.style.top = `${Math.max(0, Math.min(py - 20, this.view.height - tip.offsetHeight))}px`;
  }

  scaleBy(factor, place) {
    const { x, y } = this, [cx, cy] = place || [(x.from + x.to) / 2, (y.from + y.to) / 2], vx = x.value(cx), vy = y.value(cy);
    this.zoom = [vx + (x.low - vx) * factor, vx + (x.high - vx) * factor, vy + (y.low - vy) * factor, vy + (y.high - vy) * factor];
    this.draw();
  }

  save() {
    const style = getComputedStyle(this.host), copy = this.svg.cloneNode(true), rules = this.host.getRootNode().querySelectorAll('style');
    const known = [...rules].map(rule => rule.textContent).join('\n').replace(/var\((--[\w-]+)\)/g, (_, name) => style.getPropertyValue(name));
    copy.setAttribute('xmlns', SVG);
    const box = this.svg.getBoundingClientRect();
    copy.setAttribute('width', box.width);
    copy.prepend(make('rect', { width: '100%', height: '100%', fill: style.getPropertyValue('--st-background-color') }));
    copy.prepend(make('style', {}, null, known));
    for (const node of copy.querySelectorAll('[style]')) node.removeAttribute('style');
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([copy.outerHTML], { type: 'image/svg+xml' }));
    link.download = `${this.view.file}.svg`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }
}

export default function ({ parentElement, data, setStateValue }) {
  const host = parentElement.querySelector('.front-chart');
  const raw = typeof data === 'string' ? data : new TextDecoder().decode(data);
  host.chart ??= new Chart(host);
  host.chart.update({ raw }, setStateValue);
}
