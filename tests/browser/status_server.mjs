// The program status_page_server as a child process.
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import readline from 'node:readline';

export class StatusServer {
  // `port` 0: the system chooses.
  static async start(program, port = 0) {
    const server = new StatusServer(spawn(program, [String(port)], {stdio: ['pipe', 'pipe', 'inherit']}));
    const first = await server.#nextLine();
    server.port = Number(/^port (\d+)$/.exec(first)?.[1]);
    if (!server.port) throw new Error(`the server said: ${first}`);
    return server;
  }

  #process;
  #lines;

  constructor(process) {
    this.#process = process;
    this.#lines = readline.createInterface({input: process.stdout})[Symbol.asyncIterator]();
  }

  async #nextLine() {
    const {value, done} = await this.#lines.next();
    if (done) throw new Error('the server has ended');
    return value;
  }

  get url() {
    return `http://127.0.0.1:${this.port}/`;
  }

  // Each word is a number, a string or a Buffer with any bytes but tab and line feed.
  async tell(...words) {
    const parts = words.flatMap((word, i) => [i ? '\t' : '', word]).map(
        part => Buffer.isBuffer(part) ? part : Buffer.from(String(part)));
    this.#process.stdin.write(Buffer.concat([...parts, Buffer.from('\n')]));
    const answer = await this.#nextLine();
    if (answer !== 'ok') throw new Error(`${words.join(' ')}: ${answer}`);
  }

  signal(name) {
    this.#process.kill(name);
  }

  // Ends the process at once, also if it was stopped.
  async kill() {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exit = once(this.#process, 'exit');
    this.signal('SIGKILL');
    await exit;
  }
}
