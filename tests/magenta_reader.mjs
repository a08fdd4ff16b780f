// A reader of the published weights as their description has it, for test_magenta.py:
//   node magenta_reader.mjs FILE.json < {"points": [[dx, dy, p1, p2, p3], ...], "z": [...] or null}
// Prints the distribution of each next point, and of a VAE also what the encoder makes of the points
// after the first one, which is the start token.
import { readFileSync } from "node:fs";

const [, shapes, blobs] = JSON.parse(readFileSync(process.argv[2], "utf8"));
const { points, z } = JSON.parse(readFileSync(0, "utf8"));

const tensors = blobs.map((blob, number) => {
  const bytes = Buffer.from(blob, "base64");
  const q = new Int16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  return { shape: shapes[number], data: Float32Array.from(q, (step) => (step / 32767) * 10) };
});
const take = (count) => tensors.splice(0, count);

const affine = (x, W, b) =>
  Array.from(b.data, (bias, column) =>
    x.reduce((sum, value, row) => sum + value * W.data[row * W.shape[1] + column], bias));
const sigmoid = (x) => 1 / (1 + Math.exp(-x));

function lstm(inputs, [W_xh, W_hh, b], c, h) {
  const H = W_hh.shape[0];
  const zeros = { data: new Float64Array(4 * H) };
  return inputs.map((x) => {
    const from_h = affine(h, W_hh, zeros);
    const gates = affine(x, W_xh, b).map((value, k) => value + from_h[k]);
    const [i, g, f, o] = [0, 1, 2, 3].map((gate) => gates.slice(gate * H, (gate + 1) * H));
    c = c.map((old, k) => sigmoid(f[k] + 1) * old + sigmoid(i[k]) * Math.tanh(g[k]));
    h = c.map((value, k) => sigmoid(o[k]) * Math.tanh(value));
    return h;
  });
}

const result = {};
let initial = null;
if (tensors.length === 17) {
  const [forward, backward] = [take(3), take(3)];
  const zeros = Array(forward[1].shape[0]).fill(0);
  const drawn = points.slice(1);
  const finals = [[drawn, forward], [[...drawn].reverse(), backward]]
    .flatMap(([rows, cell]) => lstm(rows, cell, zeros, zeros).at(-1));
  result.mu = affine(finals, ...take(2));
  result.log_variance = affine(finals, ...take(2));
  initial = affine(z, ...take(2)).map(Math.tanh);
}
const head = take(2);
const H = tensors[1].shape[0];
initial ??= Array(2 * H).fill(0);
const inputs = points.map((point) => [...point, ...(z ?? [])]);

const softmax = (logits) => {
  const powers = logits.map((value) => Math.exp(value - Math.max(...logits)));
  return powers.map((power) => power / powers.reduce((sum, value) => sum + value));
};
result.steps = lstm(inputs, take(3), initial.slice(0, H), initial.slice(H)).map((h) => {
  const y = affine(h, ...head);
  const M = (y.length - 3) / 6;
  const [pi, mu_x, mu_y, log_sigma_x, log_sigma_y, rho] =
    [0, 1, 2, 3, 4, 5].map((part) => y.slice(3 + part * M, 3 + (part + 1) * M));
  return {
    pen: softmax(y.slice(0, 3)), pi: softmax(pi), mu_x, mu_y,
    sigma_x: log_sigma_x.map(Math.exp), sigma_y: log_sigma_y.map(Math.exp), rho: rho.map(Math.tanh),
  };
});
console.log(JSON.stringify(result));
