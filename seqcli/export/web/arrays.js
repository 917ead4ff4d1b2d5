// Arrays: a kind ("f" float32, "i" integers, "b" booleans), a shape, and data in row-major order.

const KINDS = { f: Float32Array, i: Int32Array, b: Uint8Array };
const END = -(2 ** 31); // the end of a backward slice that includes the first element

const size = (shape) => shape.reduce((count, n) => count * n, 1);
const array = (kind, shape, data) => ({ kind, shape, data: data ?? new KINDS[kind](size(shape)) });
const integers = (numbers) => array("i", [numbers.length], Int32Array.from(numbers));

/** Make an array of nested lists. */
function nested(kind, lists) {
  const shape = [];
  for (let own = lists; Array.isArray(own); own = own[0]) shape.push(own.length);
  return array(kind, shape, KINDS[kind].from([lists].flat(shape.length + 1).map(Number)));
}

/** Return the distance in the data between neighbours along each axis. */
function strides(shape) {
  const found = new Array(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) found[axis] = found[axis + 1] * shape[axis + 1];
  return found;
}

/** Collect the elements of a shape whose neighbours are `steps[axis]` apart in the data along each axis. */
function walked(x, shape, steps, from = 0) {
  const made = array(x.kind, shape), at = new Array(shape.length).fill(0);
  for (let i = 0; i < made.data.length; i++) {
    made.data[i] = x.data[from];
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += steps[axis];
      if (++at[axis] < shape[axis]) break;
      from -= steps[axis] * shape[axis];
      at[axis] = 0;
    }
  }
  return made;
}

/** Return the shape of several arrays combined element by element. */
function common(shapes) {
  const made = new Array(Math.max(...shapes.map((shape) => shape.length))).fill(1);
  for (const shape of shapes) {
    shape.forEach((n, axis) => { if (n !== 1) made[made.length - shape.length + axis] = n; });
  }
  return made;
}

/** Broadcast x to a larger shape. */
function expanded(x, shape) {
  if (x.data.length === size(shape)) return array(x.kind, shape, x.data);
  if (x.data.length === 1) return array(x.kind, shape, new KINDS[x.kind](size(shape)).fill(x.data[0]));
  const missing = shape.length - x.shape.length, own = strides(x.shape);
  return walked(x, shape, shape.map((_, axis) => (axis < missing || x.shape[axis - missing] === 1 ? 0 : own[axis - missing])));
}

/** Apply a function of numbers element by element. */
function elementwise(kind, how, inputs) {
  const shape = common(inputs.map((x) => x.shape)), made = array(kind, shape);
  const [a, b] = inputs.map((x) => expanded(x, shape).data);
  if (b) for (let i = 0; i < made.data.length; i++) made.data[i] = how(a[i], b[i]);
  else for (let i = 0; i < made.data.length; i++) made.data[i] = how(a[i]);
  return made;
}

function transposed(x, axes) {
  const own = strides(x.shape);
  return walked(x, axes.map((axis) => x.shape[axis]), axes.map((axis) => own[axis]));
}

/** Return axes counted from the front, in order. */
const counted = (axes, count) => axes.map((axis) => (axis < 0 ? axis + count : axis)).sort((a, b) => a - b);

/** Apply `how(row)` to the rows along some axes; with `kept` rows stay rows, else each becomes a number. */
function along(x, axes, how, { kept, kind = x.kind, keepdims = false }) {
  axes = counted(axes, x.shape.length);
  const others = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis)), order = [...others, ...axes];
  const turned = order.every((axis, i) => axis === i) ? x : transposed(x, order);
  const length = size(axes.map((axis) => x.shape[axis])), shape = others.map((axis) => x.shape[axis]);
  const made = array(kind, kept ? turned.shape : shape);
  for (let i = 0; i < size(shape); i++) {
    const found = how(turned.data.subarray(i * length, (i + 1) * length));
    if (kept) made.data.set(found, i * length);
    else made.data[i] = found;
  }
  if (kept) return transposed(made, order.map((_, axis) => order.indexOf(axis)));
  return keepdims ? array(kind, x.shape.map((n, axis) => (axes.includes(axis) ? 1 : n)), made.data) : made;
}

function softmax(row) {
  const most = row.reduce((a, b) => Math.max(a, b), -Infinity), e = Array.from(row, (v) => Math.exp(v - most));
  const total = e.reduce((a, b) => a + b, 0);
  return e.map((v) => v / total);
}

function logSoftmax(row) {
  const most = row.reduce((a, b) => Math.max(a, b), -Infinity);
  const all = most + Math.log(row.reduce((total, v) => total + Math.exp(v - most), 0));
  return Array.from(row, (v) => v - all);
}

const argmax = (row) => row.reduce((best, v, i) => (v > row[best] ? i : best), 0);

/** Matrix products, over the axes before the last two. */
function product(a, b) {
  const [M, K] = a.shape.slice(-2), N = b.shape.at(-1);
  const before = common([a.shape.slice(0, -2), b.shape.slice(0, -2)]), made = array("f", [...before, M, N]);
  const left = expanded(a, [...before, M, K]).data, single = size(b.shape) === K * N;
  const right = single ? b.data : expanded(b, [...before, K, N]).data, row = new Float64Array(N);
  for (let m = 0; m < size(before) * M; m++) {
    row.fill(0);
    const base = single ? 0 : Math.floor(m / M) * K * N;
    for (let k = 0; k < K; k++) {
      const weight = left[m * K + k];
      if (weight !== 0) for (let n = 0, at = base + k * N; n < N; n++, at++) row[n] += weight * right[at];
    }
    made.data.set(row, m * N);
  }
  return made;
}

/** Return `count` elements of an axis from `first` on, `step` apart. */
function cut(x, axis, first, count, step = 1) {
  const own = strides(x.shape), from = first * own[axis];
  const shape = x.shape.with(axis, count);
  return walked(x, shape, own.with(axis, own[axis] * step), from);
}

function slice(x, starts, stops, axes, steps) {
  for (let i = 0; i < axes.length; i++) {
    const n = x.shape[axes[i]], step = steps[i], last = step < 0 ? n - 1 : n;
    const within = (at) => Math.min(Math.max(at < 0 ? at + n : at, step < 0 ? -1 : 0), last);
    const first = within(starts[i]), stop = stops[i] <= END ? -1 : within(stops[i]);
    x = cut(x, axes[i], first, Math.max(Math.ceil((stop - first) / step), 0), step);
  }
  return x;
}

function concatenated(parts, axis) {
  axis = counted([axis], parts[0].shape.length)[0];
  const sizes = parts.map((x) => x.shape[axis]), inner = size(parts[0].shape.slice(axis + 1));
  const made = array(parts[0].kind, parts[0].shape.with(axis, sizes.reduce((a, b) => a + b)));
  for (let outer = 0, at = 0; outer < size(made.shape.slice(0, axis)); outer++) {
    for (const x of parts) {
      const length = x.shape[axis] * inner;
      made.data.set(x.data.subarray(outer * length, (outer + 1) * length), at);
      at += length;
    }
  }
  return made;
}

/** Return the rows of an axis with these indices. */
function gathered(x, index, axis) {
  const inner = size(x.shape.slice(axis + 1)), n = x.shape[axis];
  const made = array(x.kind, [...x.shape.slice(0, axis), ...index.shape, ...x.shape.slice(axis + 1)]);
  for (let outer = 0, at = 0; outer < size(x.shape.slice(0, axis)); outer++) {
    for (const i of index.data) {
      const from = (outer * n + (i < 0 ? i + n : i)) * inner;
      made.data.set(x.data.subarray(from, from + inner), at);
      at += inner;
    }
  }
  return made;
}

/** Return one element of an axis for each element of `index`. */
function gatheredElements(x, index, axis) {
  const own = strides(x.shape), made = array(x.kind, index.shape), at = strides(index.shape);
  for (let i = 0; i < made.data.length; i++) {
    let from = index.data[i] * own[axis];
    own.forEach((step, other) => { if (other !== axis) from += (Math.floor(i / at[other]) % index.shape[other]) * step; });
    made.data[i] = x.data[from];
  }
  return made;
}

/** Reverse each sequence of x (T, B, …) within its length. */
function reversed(x, lengths) {
  const made = array(x.kind, x.shape, x.data.slice()), B = x.shape[1], inner = size(x.shape.slice(2));
  lengths.data.forEach((n, b) => {
    for (let t = 0; t < n; t++) {
      const from = ((n - 1 - t) * B + b) * inner;
      made.data.set(x.data.subarray(from, from + inner), (t * B + b) * inner);
    }
  });
  return made;
}

function reshaped(x, wanted) {
  const shape = Array.from(wanted, (n, axis) => (n === 0 ? x.shape[axis] : n)), open = shape.indexOf(-1);
  if (open >= 0) shape[open] = x.data.length / size(shape.filter((_, axis) => axis !== open));
  return array(x.kind, shape, x.data);
}
