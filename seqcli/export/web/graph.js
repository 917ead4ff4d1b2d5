// Run the graph of a model. Operators are those of ONNX, by name and meaning: (attributes, inputs) -> output.

const sigmoid = (x) => 1 / (1 + Math.exp(-x));
const relu = (x) => Math.max(x, 0);
const plain = (how, kind) => (_, inputs) => elementwise(kind ?? inputs[0].kind, how, inputs);
const truth = (how) => plain((a, b) => (how(a, b) ? 1 : 0), "b");
const reduced = (how) => (a, [x, axes]) => along(x, [...axes.data], how, { kept: false, keepdims: Boolean(a.keepdims) });
const sum = (row) => row.reduce((total, v) => total + v, 0);

/** Add the product of weights (rows, K) and the vector at `from` to `out`. */
function times(weights, x, from, K, out) {
  const whole = K - (K % 4);
  for (let row = 0, at = 0; row < out.length; row++) {
    let a = 0, b = 0, c = 0, d = 0, k = 0; // four independent sums
    for (; k < whole; k += 4, at += 4) {
      a += weights[at] * x[from + k];
      b += weights[at + 1] * x[from + k + 1];
      c += weights[at + 2] * x[from + k + 2];
      d += weights[at + 3] * x[from + k + 3];
    }
    for (; k < K; k++, at++) a += weights[at] * x[from + k];
    out[row] += a + b + c + d;
  }
}

/** Run all steps of one direction: X (T, B, I), W (1, G·H, I), R (1, G·H, H), B (1, 2·G·H), starts (1, B, H).
 * `step(px, ph, state, H)` changes the state in place. */
function recurrence(step) {
  return (a, [x, w, r, bias, , ...starts]) => {
    const [T, B, I] = x.shape, [, rows, H] = r.shape;
    const state = starts.map((start) => array("f", start.shape, start.data.slice())), y = array("f", [T, 1, B, H]);
    const px = new Float64Array(rows), ph = new Float64Array(rows);
    for (let t = 0; t < T; t++) {
      for (let b = 0; b < B; b++) {
        const own = state.map((s) => s.data.subarray(b * H, (b + 1) * H));
        px.set(bias.data.subarray(0, rows));
        ph.set(bias.data.subarray(rows));
        times(w.data, x.data, (t * B + b) * I, I, px);
        times(r.data, own[0], 0, H, ph);
        step(px, ph, own, H, a);
        y.data.set(own[0], (t * B + b) * H);
      }
    }
    return [y, ...state];
  };
}

const lstm = recurrence((px, ph, [h, c], H) => {
  for (let j = 0; j < H; j++) {
    const i = px[j] + ph[j], o = px[H + j] + ph[H + j], f = px[2 * H + j] + ph[2 * H + j], g = px[3 * H + j] + ph[3 * H + j];
    c[j] = sigmoid(f) * c[j] + sigmoid(i) * Math.tanh(g);
    h[j] = sigmoid(o) * Math.tanh(c[j]);
  }
});
const gru = recurrence((px, ph, [h], H) => {
  for (let j = 0; j < H; j++) {
    const z = sigmoid(px[j] + ph[j]), r = sigmoid(px[H + j] + ph[H + j]);
    h[j] = (1 - z) * Math.tanh(px[2 * H + j] + r * ph[2 * H + j]) + z * h[j];
  }
});
const rnn = recurrence((px, ph, [h], H, a) => {
  const how = a.activations[0] === "Tanh" ? Math.tanh : relu;
  for (let j = 0; j < H; j++) h[j] = how(px[j] + ph[j]);
});

function scan({ body, num_scan_inputs: count }, inputs, values) {
  const rows = inputs.slice(-count), made = [];
  let state = inputs.slice(0, -count);
  for (let t = 0; t < rows[0].shape[0]; t++) {
    const own = rows.map((x) => array(x.kind, x.shape.slice(1), gathered(x, integers([t]), 0).data));
    const given = Object.fromEntries([...state, ...own].map((x, i) => [body.inputs[i].name, x]));
    const found = Object.values(run(body, given, values));
    state = found.slice(0, state.length);
    found.slice(state.length).forEach((x, i) => (made[i] ??= []).push(array(x.kind, [1, ...x.shape], x.data)));
  }
  return [...state, ...made.map((parts) => concatenated(parts, 0))];
}

const OPERATORS = {
  Add: plain((a, b) => a + b),
  Sub: plain((a, b) => a - b),
  Mul: plain((a, b) => a * b),
  Div: (a, i) => elementwise(i[0].kind, i[0].kind === "i" ? (x, y) => Math.floor(x / y) : (x, y) => x / y, i),
  Max: plain(Math.max),
  Less: truth((a, b) => a < b),
  LessOrEqual: truth((a, b) => a <= b),
  Greater: truth((a, b) => a > b),
  GreaterOrEqual: truth((a, b) => a >= b),
  Equal: truth((a, b) => a === b),
  And: truth((a, b) => a && b),
  Or: truth((a, b) => a || b),
  Not: truth((a) => !a),
  Neg: plain((a) => -a),
  Sigmoid: plain(sigmoid),
  Tanh: plain(Math.tanh),
  Relu: plain(relu),
  Exp: plain(Math.exp),
  Log: plain(Math.log),
  Sqrt: plain(Math.sqrt),
  Sin: plain(Math.sin),
  Softplus: plain((a) => Math.max(a, 0) + Math.log1p(Math.exp(-Math.abs(a)))),
  Where: (_, [held, a, b]) => {
    const shape = common([held.shape, a.shape, b.shape]), made = array(a.kind, shape);
    const [mask, yes, no] = [held, a, b].map((x) => expanded(x, shape).data);
    for (let i = 0; i < mask.length; i++) made.data[i] = mask[i] ? yes[i] : no[i];
    return made;
  },
  Cast: ({ to }, [x]) => {
    if (to === "bool") return elementwise("b", (v) => (v !== 0 ? 1 : 0), [x]);
    return elementwise(to.startsWith("f") ? "f" : "i", (v) => v, [x]);
  },
  Identity: (_, [x]) => x,
  Softmax: ({ axis }, [x]) => along(x, [axis], softmax, { kept: true }),
  LogSoftmax: ({ axis }, [x]) => along(x, [axis], logSoftmax, { kept: true }),
  ReduceSum: reduced(sum),
  ReduceMean: reduced((row) => sum(row) / row.length),
  ReduceMax: reduced((row) => row.reduce((a, b) => Math.max(a, b), -Infinity)),
  ArgMax: ({ axis }, [x]) => along(x, [axis], argmax, { kept: false, kind: "i" }),
  MatMul: (_, [a, b]) => product(a, b),
  Transpose: ({ perm }, [x]) => transposed(x, perm),
  Reshape: (_, [x, shape]) => reshaped(x, shape.data),
  Unsqueeze: (_, [x, axes]) => {
    const places = counted([...axes.data], x.shape.length + axes.data.length);
    return array(x.kind, places.reduce((shape, axis) => shape.toSpliced(axis, 0, 1), x.shape), x.data);
  },
  Squeeze: (_, [x, axes]) => {
    const places = counted([...axes.data], x.shape.length);
    return array(x.kind, x.shape.filter((_, axis) => !places.includes(axis)), x.data);
  },
  Expand: (_, [x, shape]) => expanded(x, common([x.shape, [...shape.data]])),
  Shape: (_, [x]) => integers(x.shape),
  Range: (_, bounds) => {
    const [from, to] = bounds.map((x) => x.data[0]);
    return integers(Array.from({ length: Math.max(to - from, 0) }, (_, n) => from + n));
  },
  Slice: (_, [x, ...bounds]) => slice(x, ...bounds.map((b) => [...b.data])),
  Split: ({ axis }, [x, sizes]) => {
    let at = 0;
    return Array.from(sizes.data, (n) => cut(x, axis, (at += n) - n, n));
  },
  Concat: ({ axis }, parts) => concatenated(parts, axis),
  Gather: ({ axis }, [x, index]) => gathered(x, index, axis),
  GatherElements: ({ axis }, [x, index]) => gatheredElements(x, index, axis),
  ReverseSequence: (_, [x, lengths]) => reversed(x, lengths),
  LSTM: lstm,
  GRU: gru,
  RNN: rnn,
  Scan: scan,
};

/** Return the outputs of a node as a list. */
function outputs(node, values) {
  const found = OPERATORS[node.op](node.attributes, node.inputs.map((name) => values[name]), values);
  return Array.isArray(found) ? found : [found];
}

/** Return the outputs of a graph by name. `outer` are the values of the graph around it, or known ones. */
function run(graph, given, outer = graph.known) {
  const values = Object.assign(Object.create(outer), given);
  for (const node of graph.nodes) outputs(node, values).forEach((x, i) => { values[node.outputs[i]] = x; });
  return Object.fromEntries(graph.outputs.map((name) => [name, values[name]]));
}

/** Load a stored graph with its arrays from `blob`, and compute everything that depends on constants alone. */
function opened(stored, blob) {
  const known = Object.create(null);
  for (const [name, kind, shape, from] of stored.arrays) known[name] = unpacked(blob, kind, shape, from);
  const nodes = [];
  for (const node of stored.nodes) {
    if (node.op === "Scan" || !node.inputs.every((name) => name in known)) nodes.push(node);
    else outputs(node, known).forEach((x, i) => { known[node.outputs[i]] = x; });
  }
  return { ...stored, nodes, known };
}

const STORED = { float32: Float32Array, int8: Int8Array, int32: Int32Array, bool: Uint8Array, float16: Uint16Array };

function unpacked(blob, kind, shape, from) {
  const raw = new STORED[kind](blob.slice(from, from + size(shape) * STORED[kind].BYTES_PER_ELEMENT));
  if (kind === "float16") return array("f", shape, Float32Array.from(raw, half));
  if (kind === "int8") return array("i", shape, Int32Array.from(raw));
  return array({ float32: "f", int32: "i", bool: "b" }[kind], shape, raw);
}

/** Return the number encoded by 16 bits of IEEE 754. */
function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, rest = bits & 1023;
  if (exponent === 31) return rest ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + rest / 1024) : 2 ** -24 * rest);
}
