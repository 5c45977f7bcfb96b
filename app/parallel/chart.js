// A line a student through all columns. Dragging along an axis keeps a range of it, a click on the axis lets it go.
const SVG = 'http://www.w3.org/2000/svg', SIDE = 54, TOP = 44, BOTTOM = 14, GRIP = 26;
const SCALE = [[63, 111, 216], [20, 140, 128], [176, 120, 0]], BINS = 12;

const make = (name, attributes, parent, text) => {
  const node = document.createElementNS(SVG, name);
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
};
const ink = share => {
  const place = share * (SCALE.length - 1), low = Math.min(Math.floor(place), SCALE.length - 2), part = place - low;
  return `rgb(${SCALE[low].map((v, i) => Math.round(v + (SCALE[low + 1][i] - v) * part)).join(',')})`;
};
const written = value => `${+value.toPrecision(3)}`;

class Parallel {
  constructor(host) {
    this.host = host;
    host.innerHTML = '<canvas></canvas><svg role="img"></svg>';
    [this.canvas, this.svg] = host.children;
    new ResizeObserver(() => this.draw()).observe(host);
  }

  update(raw, tell) {
    this.tell = tell;
    if (raw === this.raw) return;
    this.raw = raw;
    this.data = JSON.parse(raw);
    this.ranges = this.data.columns.map(column => column.kept);
    this.draw();
  }

  draw() {
    const { data, host, svg } = this, width = host.clientWidth;
    if (!data || !width) return;
    const height = data.height, gap = (width - 2 * SIDE) / (data.columns.length - 1);
    host.style.height = `${height}px`;
    this.axes = data.columns.map((column, i) => {
      const low = Math.min(...column.values), high = Math.max(...column.values);
      return { x: SIDE + i * gap, low, high, y: v => height - BOTTOM - (v - low) / (high - low || 1) * (height - BOTTOM - TOP) };
    });
    for (const key of ['width', 'height']) svg.setAttribute(key, key === 'width' ? width : height);
    svg.setAttribute('aria-label', data.label);
    svg.replaceChildren();
    data.columns.forEach((column, i) => this.axis(column, i, gap));
    this.lines(width, height);
  }

  axis(column, i, gap) {
    const { x, low, high, y } = this.axes[i], { svg } = this, last = i === this.axes.length - 1;
    make('line', { class: 'axis', x1: x, x2: x, y1: y(low), y2: y(high) }, svg);
    const words = column.name.split(' '), fits = Math.max(8, Math.floor((i && !last ? gap : gap / 2 + SIDE) / 6.6)), rows = [''];
    for (const word of words) {
      if ((rows.at(-1) + word).length > fits && rows.at(-1)) rows.push('');
      rows[rows.length - 1] += (rows.at(-1) ? ' ' : '') + word;
    }
    const anchor = i === 0 ? 'start' : last ? 'end' : 'middle', at = i === 0 ? 2 : last ? x + SIDE - 2 : x;
    rows.slice(0, 3).forEach((row, k, all) => make('text', { class: 'text name', x: at, y: TOP - 12 - 13 * (all.length - 1 - k), 'text-anchor': anchor }, svg, row));
    const found = [...new Set(column.values)].sort((a, b) => a - b);
    const ticks = found.length <= 6 ? found : Array.from({ length: 5 }, (_, k) => low + k / 4 * (high - low));
    for (const tick of ticks) make('text', { class: 'text', x: x + 6, y: y(tick) + 4 }, svg, written(tick));
    const brush = make('rect', { class: 'brush', x: x - 6, width: 12, y: 0, height: 0 }, svg);
    const kept = range => {
      brush.setAttribute('y', range ? y(range[1]) - 3 : 0);
      brush.setAttribute('height', range ? y(range[0]) - y(range[1]) + 6 : 0);
    };
    kept(this.ranges[i]);
    const grip = make('rect', { class: 'grip', x: x - GRIP / 2, width: GRIP, y: TOP - 8, height: y(low) - TOP + 16 }, svg);
    const value = event => {
      const box = svg.getBoundingClientRect(), share = (y(low) - (event.clientY - box.y)) / (y(low) - y(high));
      return low + Math.min(1, Math.max(0, share)) * (high - low);
    };
    let start = null;
    grip.onpointerdown = event => { start = value(event); grip.setPointerCapture(event.pointerId); };
    grip.onpointermove = event => {
      if (start === null) return;
      const end = value(event);
      this.ranges[i] = [Math.min(start, end), Math.max(start, end)];
      kept(this.ranges[i]);
      this.lines(this.host.clientWidth, this.data.height);
    };
    grip.onpointerup = event => {
      if (start === null) return;
      const moved = Math.abs(value(event) - start) > 0.01 * (high - low);
      start = null;
      if (!moved) this.ranges[i] = null;
      this.tell('brush', [column.name, ...(this.ranges[i] ?? [low, high]), Date.now()]);
      kept(this.ranges[i]);
      this.lines(this.host.clientWidth, this.data.height);
    };
  }

  lines(width, height) {
    const { canvas, data, axes, ranges } = this, dense = window.devicePixelRatio || 1, count = data.columns[0].values.length;
    Object.assign(canvas, { width: width * dense, height: height * dense });
    Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
    const pen = canvas.getContext('2d');
    pen.scale(dense, dense);
    const of = data.columns.find(column => column.name === data.colour)?.values ?? data.colours ?? [];
    const low = Math.min(...of), high = Math.max(...of), bins = Array.from({ length: BINS }, () => []), faded = [];
    for (let k = 0; k < count; k++) {
      const kept = ranges.every((range, i) => !range || (data.columns[i].values[k] >= range[0] - 1e-9 && data.columns[i].values[k] <= range[1] + 1e-9));
      if (!kept) faded.push(k);
      else bins[of.length ? Math.min(BINS - 1, Math.floor((of[k] - low) / (high - low || 1) * BINS)) : 0].push(k);
    }
    const stroke = (some, style, opacity) => {
      if (!some.length) return;
      pen.beginPath();
      for (const k of some) axes.forEach(({ x, y }, i) => (i ? pen.lineTo(x, y(data.columns[i].values[k])) : pen.moveTo(x, y(data.columns[i].values[k]))));
      Object.assign(pen, { strokeStyle: style, globalAlpha: opacity, lineWidth: 1.2 });
      pen.stroke();
    };
    stroke(faded, '#7b8494', 0.15);
    bins.forEach((some, i) => stroke(some, ink(i / (BINS - 1)), count > 300 ? 0.55 : 0.85));
  }
}

export default function ({ parentElement, data, setStateValue }) {
  const host = parentElement.querySelector('.parallel');
  host.chart ??= new Parallel(host);
  host.chart.update(typeof data === 'string' ? data : new TextDecoder().decode(data), setStateValue);
}
