import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { ROOT } from './checkout.mjs';
import { tied } from './tied.mjs';

const LONGEST_MS = 60 * 60_000;

/** A step failed in a way the user can do something about: printed without a stack. */
export class StepError extends Error {
  constructor(message, remedy) {
    super(message);
    this.remedy = remedy;
  }
}

/**
 * Runs a command to its end and resolves to `{ code, output }`, whatever the code is; `output` is empty when it went to
 * our own streams (`show`). After `limitMs` it is killed and the code is 124, as timeout(1) has it.
 */
export function run(command, args, { cwd = ROOT, env = process.env, show = false, limitMs = LONGEST_MS } = {}) {
  const wrapped = tied(command, args, 'TERM');
  return new Promise((resolve) => {
    const stdio = ['ignore', show ? 'inherit' : 'pipe', show ? 'inherit' : 'pipe'];
    const child = spawn(wrapped.command, wrapped.args, { cwd, env, stdio });
    const chunks = [];
    child.stdout?.on('data', (chunk) => chunks.push(chunk));
    child.stderr?.on('data', (chunk) => chunks.push(chunk));
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, limitMs);
    child.once('error', (error) => {
      clearTimeout(timer);
      resolve({ code: 127, output: `${command}: ${error.message}\n` });
    });
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code: late ? 124 : exitCode(code, signal), output: Buffer.concat(chunks).toString('utf8') });
    });
  });
}

/** Like `run`, but a code other than 0 is a StepError that shows the output. */
export async function mustRun(command, args, { remedy, ...options } = {}) {
  const { code, output } = await run(command, args, options);
  if (code === 0) return output;
  const name = [command, ...args].join(' ').replace(`${ROOT}`, '');
  throw new StepError(`${name} ended with code ${code}\n${output.trimEnd()}`, remedy);
}

/**
 * Runs a TypeScript program of the checkout in the foreground, on the sources of the packages, and resolves to its exit
 * code. Ctrl-C in a terminal reaches the program without us; a signal to this process alone is passed on.
 */
export function runProgram(path, args) {
  const node = ['--conditions=tidemark-source', '--import', 'tsx', path, ...args];
  const wrapped = tied(process.execPath, node, 'TERM');
  return new Promise((resolve, reject) => {
    const child = spawn(wrapped.command, wrapped.args, { cwd: ROOT, stdio: 'inherit' });
    const pass = (signal) => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    };
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, pass);
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      for (const name of signals) process.off(name, pass);
      resolve(exitCode(code, signal));
    });
  });
}

/** Runs a script's body; a StepError becomes its message and exit code 1. */
export async function main(body) {
  try {
    process.exitCode = (await body()) ?? 0;
  } catch (error) {
    if (!(error instanceof StepError)) throw error;
    console.error(`tidemark: ${error.message}${error.remedy ? `\n${error.remedy}` : ''}`);
    process.exitCode = 1;
  }
}

function exitCode(code, signal) {
  return code ?? 128 + (constants.signals[signal] ?? 0);
}
