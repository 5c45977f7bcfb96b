// For each property two columns of students, those with it and those without it, by what they keep after the attack: in
// each column from the one that keeps least to the one that keeps most, so that thousands are a few paths.
const SVG = 'http://www.w3.org/2000/svg', INKS = ['#2f6fe0', '#7b8494'], SIDES = ['with', 'without'];
const LEFT = 58, TOP = 10, RIGHT = 10, NEAR = 14, NARROW = 84, FEW = 60, BOXED = 12;

const make = (name, attributes, parent, text) => {
  const node = document.createElementNS(SVG, name);
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
};
const percent = share => `${+(100 * share).toFixed(1)}%`;
const quantile = (sorted, share) => {
  const place = share * (sorted.length - 1), low = Math.floor(place);
  return sorted[low] + (place - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
};

class Strips {
  constructor(host) {
    this.host = host;
    host.innerHTML = '<svg role="img"></svg><div class="tip" hidden></div><div class="legend"></div>';
    [this.svg, this.tip, this.legend] = host.children;
    this.svg.onpointermove = event => this.hover(event);
    this.svg.onpointerleave = () => { this.tip.hidden = true; };
    this.svg.onclick = event => {
      const dot = this.nearest(event);
      if (!dot) return;
      this.picked = dot.row[0];
      this.draw();
      this.tell('student', [dot.row[0], Date.now()]);
    };
    new ResizeObserver(() => this.draw()).observe(host);
  }

  update(raw, tell) {
    this.tell = tell;
    if (raw === this.raw) return;
    this.raw = raw;
    this.data = JSON.parse(raw);
    this.picked = this.data.picked;
    this.draw();
  }

  draw() {
    const { svg, data, host } = this, width = host.clientWidth;
    if (!data || !width) return;
    const count = data.properties.length, step = (width - LEFT - RIGHT) / count, turned = count > 1 && step < NARROW;
    // Of one property the name stands under each column, or, where that is too long, once under both.
    const shared = count === 1 && (data.properties[0].name.length + 14) * 6.6 > step / 2;
    const bottom = turned ? 84 : shared ? 46 : 28, height = data.height, foot = height - bottom;
    const top = Math.max(0.05, ...data.rows.map(row => (data.rows.length <= FEW ? row[3] : row[1])));
    const y = share => foot - share / top * (foot - TOP);
    svg.setAttribute('height', height);
    svg.setAttribute('aria-label', data.label);
    svg.replaceChildren();
    const tick = [0.01, 0.02, 0.05, 0.1, 0.2, 0.25].find(size => top / size <= 7) ?? 0.5;
    for (let share = 0; share <= top + 1e-9; share += tick) {
      make('line', { class: 'grid', x1: LEFT, x2: width - RIGHT, y1: y(share), y2: y(share) }, svg);
      make('text', { class: 'text', x: LEFT - 8, y: y(share) + 4, 'text-anchor': 'end' }, svg, percent(share));
    }
    make('text', { class: 'text', transform: `translate(13,${(TOP + foot) / 2}) rotate(-90)`, 'text-anchor': 'middle' }, svg,
      'After-attack accuracy (%)');
    this.dots = [];
    data.properties.forEach((property, i) => SIDES.forEach((side, j) => {
      const from = LEFT + step * (i + (count > 1 ? 0.08 : 0.04) + 0.5 * j * (count > 1 ? 0.84 : 0.96));
      const wide = step * (count > 1 ? 0.36 : 0.42);
      const rows = data.rows.filter((_, k) => (property.members[k] === '1') === !j).sort((a, b) => a[1] - b[1]);
      this.column(rows, from, wide, j, y);
      if (count === 1) {
        make('text', { class: 'text', x: from + wide / 2, y: foot + 18, 'text-anchor': 'middle' }, svg,
          shared ? `${side} (${rows.length})` : `${side} ${property.name} (${rows.length})`);
      }
    }));
    if (shared) {
      make('text', { class: 'text', x: LEFT + step / 2, y: foot + 36, 'text-anchor': 'middle' }, svg, data.properties[0].name);
    }
    if (count > 1) {
      data.properties.forEach((property, i) => {
        const x = LEFT + step * (i + 0.46);
        make('text', turned
          ? { class: 'text', transform: `translate(${x + 4},${foot + 14}) rotate(-40)`, 'text-anchor': 'end' }
          : { class: 'text', x, y: foot + 18, 'text-anchor': 'middle' }, svg, property.name);
      });
    }
    this.legend.innerHTML = count > 1
      ? SIDES.map((side, j) => `<span><i style="background:${INKS[j]};border-radius:${j ? 1 : 5}px"></i>${side} it</span>`).join('')
        + '<span>line: median, box: middle half</span>'
      : '';
  }

  column(rows, from, wide, side, y) {
    if (!rows.length) return;
    const few = this.data.rows.length <= FEW && this.data.properties.length === 1, ink = INKS[side];
    const size = few ? 10 : rows.length > 200 ? 3.5 : 6;
    const place = k => from + (rows.length > 1 ? (k + 0.5) / rows.length : 0.5) * wide;
    if (!few && rows.length >= BOXED) {
      const values = rows.map(row => row[1]), [low, middle, high] = [0.25, 0.5, 0.75].map(share => y(quantile(values, share)));
      make('rect', { class: 'box', x: from, width: wide, y: high, height: low - high, fill: ink, stroke: ink }, this.svg);
      make('line', { class: 'median', x1: from, x2: from + wide, y1: middle, y2: middle, stroke: ink }, this.svg);
    }
    if (few) {
      const d = rows.map((row, k) => `M${place(k).toFixed(1)},${y(row[2]).toFixed(1)}V${y(row[3]).toFixed(1)}`).join('');
      make('path', { class: 'whiskers', d, stroke: ink }, this.svg);
    }
    const d = rows.map((row, k) => `M${place(k).toFixed(1)},${y(row[1]).toFixed(1)}h.01`).join('');
    make('path', { class: side ? 'dots square' : 'dots', d, stroke: ink, 'stroke-width': side ? 0.85 * size : size }, this.svg);
    rows.forEach((row, k) => {
      this.dots.push({ row, x: place(k), y: y(row[1]) });
      if (row[0] === this.picked) make('circle', { class: 'ring', cx: place(k), cy: y(row[1]), r: few ? 10 : 7 }, this.svg);
    });
  }

  nearest(event) {
    const box = this.svg.getBoundingClientRect(), px = event.clientX - box.x, py = event.clientY - box.y;
    let found = null, least = NEAR;
    for (const dot of this.dots) {
      const away = Math.hypot(dot.x - px, dot.y - py);
      if (away < least) { least = away; found = dot; }
    }
    return found;
  }

  hover(event) {
    const dot = this.nearest(event), { tip } = this;
    tip.hidden = !dot;
    this.svg.style.cursor = dot ? 'pointer' : '';
    if (!dot) return;
    const [name, share, low, high] = dot.row, bold = document.createElement('b');
    bold.textContent = name;
    tip.replaceChildren(bold, ` ${percent(share)} after the attack (${Math.round(100 * low)}–${Math.round(100 * high)}%)`);
    tip.style.left = `${Math.max(0, Math.min(dot.x + 12, this.host.clientWidth - tip.offsetWidth))}px`;
    tip.style.top = `${Math.max(0, dot.y - 34)}px`;
  }

  // Students and where they are drawn, in pixels of the window.
  places() {
    const box = this.svg.getBoundingClientRect();
    return this.dots.map(dot => [dot.row[0], box.x + dot.x, box.y + dot.y]);
  }
}

export default function ({ parentElement, data, setStateValue }) {
  const host = parentElement.querySelector('.strips');
  host.chart ??= new Strips(host);
  host.chart.update(typeof data === 'string' ? data : new TextDecoder().decode(data), setStateValue);
}
