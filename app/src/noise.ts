// The noise that Python draws for a seed, bit for bit: caloforge.rng's seed, a Mersenne twister, Box and Muller in float32.

const f = Math.fround;
const mul = Math.imul;

/** NumPy's SeedSequence of three words: the low 32 bits of half of its first 64-bit number, where the twister starts. */
function twisterSeed(seed: number, stream: number, block: number): number {
  let constant = 0x43b0d7e5;
  const hashed = (value: number) => {
    value ^= constant;
    constant = mul(constant, 0x931e8875);
    value = mul(value, constant);
    return value ^ (value >>> 16);
  };
  const pool = [seed, stream, block, 0].map((word) => hashed(word | 0));
  for (let source = 0; source < 4; source++)
    for (let target = 0; target < 4; target++)
      if (source !== target) {
        const mixed = (mul(pool[target], 0xca01f9dd) - mul(hashed(pool[source]), 0x4973f715)) | 0;
        pool[target] = mixed ^ (mixed >>> 16);
      }
  constant = 0x8b51f9dd;
  const words = [0, 1].map((i) => {
    let value = pool[i] ^ constant;
    constant = mul(constant, 0x58f38ded);
    value = mul(value, constant);
    return value ^ (value >>> 16);
  });
  return ((words[0] >>> 1) | ((words[1] & 1) << 31)) >>> 0;
}

/** MT19937 as PyTorch and NumPy start it from one word. */
function* twister(seed: number): Generator<number> {
  const state = new Uint32Array(624);
  state[0] = seed;
  for (let i = 1; i < 624; i++) state[i] = mul(1812433253, state[i - 1] ^ (state[i - 1] >>> 30)) + i;
  for (;;) {
    for (let i = 0; i < 624; i++) {
      const y = (state[i] & 0x80000000) | (state[(i + 1) % 624] & 0x7fffffff);
      state[i] = state[(i + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    for (let i = 0; i < 624; i++) {
      let y = state[i];
      y ^= y >>> 11;
      y ^= (y << 7) & 0x9d2c5680;
      y ^= (y << 15) & 0xefc60000;
      yield (y ^ (y >>> 18)) >>> 0;
    }
  }
}

const LOG = [
  7.0376836292e-2, -1.151461031e-1, 1.1676998740e-1, -1.242014084e-1, 1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1,
  -2.4999993993e-1, 3.3333331174e-1,
].map(f);
const LN2 = [f(-2.1219444e-4), f(0.693359375)];
const EIGHTHS = f(1.27323954473516);
const QUARTER_PI = [-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8].map(f);
const COSINE = [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2].map(f);
const SINE = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1].map(f);
const TWO_PI = f(2 * Math.PI);

const fused = (a: number, b: number, c: number) => f(a * b + c);
const polynomial = (x: number, coefficients: number[]) =>
  coefficients.slice(2).reduce((value, c) => fused(value, x, c), fused(x, coefficients[0], coefficients[1]));

const view = new DataView(new ArrayBuffer(4));

function log(x: number): number {
  view.setFloat32(0, x);
  const bits = view.getInt32(0);
  let exponent = (bits >> 23) - 126;
  view.setInt32(0, (bits & 0x007fffff) | 0x3f000000);
  const mantissa = view.getFloat32(0);
  const low = mantissa < f(Math.SQRT1_2);
  if (low) exponent -= 1;
  const m = f(f(mantissa - 1) + (low ? mantissa : 0));
  const square = f(m * m);
  const tail = fused(f(polynomial(m, LOG) * m), square, f(exponent * LN2[0]));
  return fused(exponent, LN2[1], f(m + fused(square, -0.5, tail)));
}

function sineCosine(angle: number): [number, number] {
  const eighth = (Math.trunc(f(angle * EIGHTHS)) + 1) & ~1;
  const x = QUARTER_PI.reduce((rest, part) => fused(eighth, part, rest), angle);
  const square = f(x * x);
  const cosine = f(fused(f(polynomial(square, COSINE) * square), square, f(-0.5 * square)) + 1);
  const sine = fused(f(polynomial(square, SINE) * square), x, x);
  const [first, second] = eighth & 2 ? [cosine, sine] : [sine, cosine];
  return [eighth & 4 ? -first : first, (eighth + 2) & 4 ? -second : second];
}

/** The first rows of the first block of a seed's standard normals, row after row. */
export function normals(seed: number, stream: number, width: number, rows: number): Float32Array {
  const needed = width * rows;
  const drawn = new Float32Array(Math.ceil(needed / 16) * 16);
  const numbers = twister(twisterSeed(seed, stream, 0));
  const uniform = () => f(((numbers.next().value as number) & 0xffffff) * 2 ** -24);
  const u = new Float32Array(16);
  for (let at = 0; at < drawn.length; at += 16) {
    for (let i = 0; i < 16; i++) u[i] = uniform();
    for (let i = 0; i < 8; i++) {
      const radius = f(Math.sqrt(f(-2 * log(f(1 - u[i])))));
      const [sine, cosine] = sineCosine(f(TWO_PI * u[8 + i]));
      drawn[at + i] = f(radius * cosine);
      drawn[at + 8 + i] = f(radius * sine);
    }
  }
  return drawn.subarray(0, needed);
}
