/**
 * A WASI host in small for guests whose every step is to be watched: it refuses what the standard refuses, traps where
 * resources are given away in the wrong order or twice, knows which were never given back, and can fail where a real
 * one seldom does. What guests answer is tested on Ebb's own host.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { transpileBytes } from '@bytecodealliance/jco-transpile';
import { expect } from 'vitest';
import {
  type Ask,
  Fields,
  FutureIncomingResponse,
  IncomingBody,
  IncomingRequest,
  IncomingResponse,
  OutgoingBody,
  OutgoingRequest,
  OutgoingResponse,
  ResponseOutparam,
} from './strict-wasi-http.ts';
import { alive, InputStream, IoError, OutputStream, Pollable, Refusal, Resource } from './strict-wasi-io.ts';

export interface Answer {
  readonly status: number;
  readonly headers: [string, string][];
  readonly bytes: Buffer;
  readonly text: string;
  readonly stderr: string;
  readonly isFinished: boolean;
  readonly sent: OutgoingRequest[];
}

interface Run {
  readonly stderr: () => string;
  readonly handle: () => void;
  readonly answer: () => Answer;
}

export interface Guest {
  readonly imports: readonly string[];
  readonly start: (ask: Ask) => Run;
}

interface JcoModule {
  instantiate(
    getCoreModule: (path: string) => WebAssembly.Module,
    imports: Record<string, unknown>,
  ): { incomingHandler: { handle(request: IncomingRequest, outparam: ResponseOutparam): void } };
}

/** @param scratch a folder for the code that jco generates, which is imported from there. */
export async function load(name: string, component: Uint8Array, scratch: string): Promise<Guest> {
  const { files, imports } = await transpileBytes(component, { name, instantiation: 'sync' });
  const dir = join(scratch, `jco-${name}`);
  const entries: [string, Uint8Array][] = Array.isArray(files) ? files : Object.entries(files);
  for (const [path, bytes] of entries) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), bytes);
  }
  const modules = new Map(
    entries
      .filter(([path]) => path.endsWith('.wasm'))
      .map(([path, bytes]) => [path, new WebAssembly.Module(bytes.slice())]),
  );
  const jco: JcoModule = await import(pathToFileURL(join(dir, `${name}.js`)).href);
  return { imports, start: (ask) => start(jco, modules, ask) };
}

function start(jco: JcoModule, modules: Map<string, WebAssembly.Module>, ask: Ask): Run {
  alive.clear();
  const stderr: OutputStream[] = [];
  const sent: OutgoingRequest[] = [];
  const { incomingHandler } = jco.instantiate((path) => modules.get(path)!, {
    'wasi:io/error': { Error: IoError },
    'wasi:io/poll': { Pollable },
    'wasi:io/streams': { InputStream, OutputStream },
    'wasi:cli/stderr': {
      getStderr: () => {
        stderr.push(new OutputStream());
        return stderr.at(-1);
      },
    },
    'wasi:http/types': {
      ...{ Fields, IncomingRequest, IncomingBody, OutgoingResponse, OutgoingBody, ResponseOutparam },
      ...{
        OutgoingRequest,
        FutureIncomingResponse,
        IncomingResponse,
        RequestOptions: class extends Resource {},
      },
      httpErrorCode: (error: IoError) => error.code,
    },
    'wasi:http/outgoing-handler': {
      handle: (request: OutgoingRequest) => {
        request.release();
        sent.push(request);
        const future = new FutureIncomingResponse();
        future.upstream = ask.upstream?.(request) ?? {};
        if (!future.upstream.refused) return future;
        future.release();
        throw new Refusal(future.upstream.refused);
      },
    },
  });
  const request = new IncomingRequest();
  request.ask = ask;
  const outparam = new ResponseOutparam();
  outparam.isClientGone = ask.isClientGone ?? false;
  const said = () => Buffer.concat(stderr.flatMap((stream) => stream.written)).toString();
  return {
    stderr: said,
    handle: () => incomingHandler.handle(request, outparam),
    answer: () => answerOf(outparam, said(), sent),
  };
}

function answerOf(outparam: ResponseOutparam, stderr: string, sent: OutgoingRequest[]): Answer {
  const { response } = outparam;
  if (!response) throw new Error('no response was set');
  if (outparam.writtenBefore > 0) throw new Error('the body was written before the response was set');
  const bytes = Buffer.from(response.content!.bytes());
  return {
    status: response.status,
    headers: response.fields.list.map(([name, value]) => [name, Buffer.from(value).toString()]),
    bytes,
    text: bytes.toString(),
    stderr,
    isFinished: response.content!.isFinished,
    sent,
  };
}

/** Answers a request and checks that the guest gave every resource back. */
export function call(guest: Guest, ask: Ask): Answer {
  const run = guest.start(ask);
  run.handle();
  const answer = run.answer();
  expect([...alive].map((resource) => resource.constructor.name)).toEqual([]);
  return answer;
}

export function header(answer: Answer, name: string): string | undefined {
  return answer.headers.find(([key]) => key === name)?.[1];
}
