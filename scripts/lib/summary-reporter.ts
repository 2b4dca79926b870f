import { stripVTControlCharacters } from 'node:util';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** Characters of a failure's message that are said again at the end: of its beginning, and of its end, where a tool's last words are. */
const BEGINNING = 200;
const END = 800;

/** Ends a run with every skip and its reason, every failure in short, and the line `N passed, N failed, N skipped`. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const count = { passed: 0, failed: errors.length, skipped: 0 };
    const failures: string[] = [];
    for (const module of modules) {
      // A file that cannot be loaded, or whose preparation fails, is a failure although none of its tests is.
      const states = [...module.children.allTests()].map((test) => test.result().state);
      if (module.state() === 'failed' && !states.includes('failed')) {
        count.failed++;
        failures.push(failure(module.relativeModuleId, module.errors()));
      }
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === 'pending') continue;
        count[result.state]++;
        if (result.state === 'skipped') console.log(`skipped: ${test.fullName}: ${result.note ?? 'no reason given'}`);
        if (result.state === 'failed') failures.push(failure(nameOf(test), result.errors));
      }
    }
    // Once more: whoever has but the last lines of a long run is to know what went wrong.
    for (const line of failures) console.log(line);
    if (count.skipped > 0 && process.env['CI'] === 'true') {
      console.log('CI=true: a skipped test fails the run');
      process.exitCode = 1;
    }
    console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
  }
}

const nameOf = (test: TestCase): string => `${test.module.relativeModuleId} > ${test.fullName}`;

function failure(name: string, errors: readonly { readonly message: string }[]): string {
  const said = stripVTControlCharacters(errors.map(({ message }) => message).join('\n')).trim();
  const short = said.length <= BEGINNING + END ? said : `${said.slice(0, BEGINNING)} [...] ${said.slice(-END)}`;
  return `failed: ${name}: ${short}`;
}
