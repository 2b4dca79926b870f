import { stripVTControlCharacters } from 'node:util';
import type { Reporter, TestCase, TestModule } from 'vitest/node';
import type {} from '../../test/support/second-attempt.ts';

/** Characters of the message of a failure that are printed at the end: of its beginning, and of its end, with the last output of a tool. */
const BEGINNING = 200;
const END = 800;

/** How many of the slowest files are listed, and the seconds that a listed file takes at least. */
const SLOWEST = 25;
const SLOW = 5;

/**
 * Prints at the end of a run: where its time went, which tests were tried twice, each skipped test with its reason, each failure in
 * short, and the line `N passed, N failed, N skipped`.
 */
export default class SummaryReporter implements Reporter {
  #begin = 0;
  /** The time of each project, in milliseconds since the beginning. */
  readonly #spans = new Map<string, { readonly from: number; to: number }>();

  onTestRunStart(): void {
    this.#begin = Date.now();
    this.#spans.clear();
  }

  onTestModuleStart({ project: { name } }: TestModule): void {
    const now = Date.now() - this.#begin;
    if (!this.#spans.has(name)) this.#spans.set(name, { from: now, to: now });
  }

  onTestModuleEnd({ project: { name } }: TestModule): void {
    const span = this.#spans.get(name);
    if (span !== undefined) span.to = Date.now() - this.#begin;
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const count = { passed: 0, failed: errors.length, skipped: 0 };
    const failures: string[] = [];
    for (const [name, { from, to }] of this.#spans) console.log(`time: ${seconds(from)} to ${seconds(to)} s  ${name}`);
    for (const line of slowest(modules)) console.log(line);
    for (const module of modules) for (const line of secondAttempts(module)) console.log(line);
    for (const module of modules) {
      // A file that cannot be loaded, or whose setup fails, is a failure even if none of its tests is.
      const states = [...module.children.allTests()].map((test) => test.result().state);
      if (module.state() === 'failed' && !states.includes('failed')) {
        count.failed++;
        const errors = [module, ...module.children.allSuites()].flatMap((suite) => suite.errors());
        failures.push(failure(module.relativeModuleId, errors));
      }
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === 'pending') continue;
        count[result.state]++;
        if (result.state === 'skipped') console.log(`skipped: ${test.fullName}: ${result.note ?? 'no reason given'}`);
        if (result.state === 'failed') failures.push(failure(nameOf(test), result.errors));
      }
    }
    // Printed again, so that the last lines of a long run show what went wrong.
    for (const line of failures) console.log(line);
    if (count.skipped > 0 && process.env['CI'] === 'true') {
      console.log('CI=true: a skipped test fails the run');
      process.exitCode = 1;
    }
    console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
  }
}

const seconds = (milliseconds: number): string => (milliseconds / 1000).toFixed(0).padStart(4);

/** The files that took longest, including their hooks. Files run in parallel, so the sum is longer than the run. */
function slowest(modules: readonly TestModule[]): string[] {
  return modules
    .map((module) => ({ name: module.relativeModuleId, duration: module.diagnostic().duration }))
    .filter(({ duration }) => duration >= SLOW * 1000)
    .sort((one, other) => other.duration - one.duration)
    .slice(0, SLOWEST)
    .map(({ name, duration }) => `slow: ${seconds(duration)} s  ${name}`);
}

/** The tests and files that passed, or at least started, only at the second attempt. */
function secondAttempts(module: TestModule): string[] {
  const prepared = [module, ...module.children.allSuites()].flatMap((suite) => {
    const why = suite.meta().secondAttempt;
    const name = suite.type === 'module' ? '' : ` > ${suite.fullName}`;
    return why === undefined
      ? []
      : [`tried twice: the preparation of ${module.relativeModuleId}${name}: ${short(why)}`];
  });
  const passed = [...module.children.allTests()].flatMap((test) => {
    const { errors } = test.result();
    return test.diagnostic()?.flaky === true ? [`tried twice: ${nameOf(test)}: ${short(textOf(errors ?? []))}`] : [];
  });
  return [...prepared, ...passed];
}

const nameOf = (test: TestCase): string => `${test.module.relativeModuleId} > ${test.fullName}`;

function failure(name: string, errors: readonly { readonly message: string }[]): string {
  return `failed: ${name}: ${short(textOf(errors))}`;
}

const textOf = (errors: readonly { readonly message: string }[]): string =>
  errors.map(({ message }) => message).join('\n');

function short(text: string): string {
  const said = stripVTControlCharacters(text).trim();
  return said.length <= BEGINNING + END ? said : `${said.slice(0, BEGINNING)} [...] ${said.slice(-END)}`;
}
