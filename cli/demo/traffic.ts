/** The demo's requests: a fixed plan of real HTTP calls to the example guests, a failing one included. */

/** One request of the plan, and the status that a working host answers it with. */
interface PlannedRequest {
  readonly path: string;
  readonly method: 'GET' | 'POST';
  readonly body?: string;
  readonly expectedStatus: number;
}

const times = (count: number, make: (index: number) => PlannedRequest): PlannedRequest[] =>
  Array.from({ length: count }, (_, index) => make(index));

const get = (path: string, expectedStatus = 200): PlannedRequest => ({ path, method: 'GET', expectedStatus });

function plan(publicUrl: string): readonly PlannedRequest[] {
  const own = encodeURIComponent(`${publicUrl}/f/hello/`);
  return [
    ...times(200, () => get('/f/hello/')),
    ...times(100, (index) => ({
      path: `/f/echo/message/${index}`,
      method: 'POST' as const,
      body: `message number ${index}`,
      expectedStatus: 200,
    })),
    ...times(40, (index) => get(`/f/burn/fib/${18 + (index % 10)}`)),
    ...times(10, (index) => get(`/f/burn/mandelbrot/${100 + 10 * index}`)),
    ...times(5, (index) => get(`/f/burn/alloc/${4 * (index + 1)}`)),
    ...times(20, () => get(`/f/proxy/?url=${own}`)),
    get('/f/burn/trap', 500),
    get('/f/burn/spin', 504),
  ];
}

/** What came of the plan. */
export interface TrafficResult {
  readonly sent: number;
  readonly unexpected: readonly string[];
}

const CLIENTS = 4;

/** Sends all requests from a few clients at once, in a mixed but fixed order. */
export async function sendTraffic(
  publicUrl: string,
  onProgress: (done: number, of: number) => void,
): Promise<TrafficResult> {
  const requests = interleaved(plan(publicUrl));
  const unexpected: string[] = [];
  let next = 0;
  let done = 0;
  const client = async (): Promise<void> => {
    for (let request = requests[next++]; request; request = requests[next++]) {
      const { path, method, body = null, expectedStatus } = request;
      const response = await fetch(publicUrl + path, { method, body });
      const text = await response.text();
      if (response.status !== expectedStatus) {
        unexpected.push(
          `${method} ${path}: expected status ${expectedStatus}, got ${response.status}: ${text.trim()}`,
        );
      }
      onProgress(++done, requests.length);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return { sent: requests.length, unexpected };
}

/** A fixed permutation: a step that shares no divisor with the length reaches each once. */
function interleaved<T>(items: readonly T[]): T[] {
  const step = 73;
  if (items.length % step === 0)
    throw new RangeError(`expected a length that ${step} does not divide, got ${items.length}`);
  return items.map((_, index) => items[(index * step) % items.length] as T);
}
