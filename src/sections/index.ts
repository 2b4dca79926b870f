import type { Config } from '../config/config.ts';
import { commandsSection } from './commands/commands.ts';
import { filesSection } from './files/files.ts';
import { groupsSection } from './groups/groups.ts';
import { awaitedLock } from './packages/package-tool.ts';
import { packagesSection } from './packages/packages.ts';
import { servicesSection } from './services/services.ts';
import { sourcesSection } from './sources/sources.ts';
import type { Inspection, Outcome, Section, Step, Watch, World } from './step.ts';
import { usersSection } from './users/users.ts';

/** What a look at the machine says of a step. */
export type StepInspection =
  | Exclude<Inspection<unknown>, { readonly state: 'differs' }>
  | {
      readonly state: 'differs';
      readonly what: string;
      /** Carries out what was planned. */
      apply(): Promise<Outcome>;
    };

/** A step with the code that carries it out. */
export interface BoundStep extends Step {
  readonly worksOnRoot: boolean;
  inspect(world: World): Promise<StepInspection>;
}

/** All that a run is to do. */
export interface RunPlan {
  /** In the order in which they are applied. */
  readonly steps: readonly BoundStep[];
  /** Looks again at what the steps have started. */
  readonly watch: Watch;
  /** Lets each section finish (see Section.finish). */
  finish(world: World): Promise<void>;
  /** What the running step waits for, as far as a look at its programs tells; see World.onWait for what it says itself. */
  findWait(): string | undefined;
}

/** Plans a run: all steps of the configs. The order of sections is AWS's documented one. */
export function planRun(configs: readonly Config[]): RunPlan {
  const files = filesSection();
  const services = servicesSection();
  const expectStops = (): void => services.watch.expectStops();
  const steps = configs.flatMap((config) => [
    ...bind(packagesSection, config.name, config.packages, expectStops),
    ...bind(groupsSection, config.name, config.groups),
    ...bind(usersSection, config.name, config.users),
    ...bind(sourcesSection, config.name, config.sources),
    ...bind(files, config.name, config.files),
    ...bind(commandsSection, config.name, config.commands, expectStops),
    ...bind(services, config.name, config.services),
  ]);
  return {
    steps,
    watch: services.watch,
    finish: async (world) => files.finish?.(world),
    findWait: awaitedLock,
  };
}

/** @param onApply called before anything is changed */
function bind<E extends Step['entry'], Plan>(
  section: Section<E, Plan>,
  config: string,
  entries: readonly E[],
  onApply: () => void = () => undefined,
): BoundStep[] {
  return section.order(entries).map((entry) => ({
    section: section.name,
    config,
    entry,
    worksOnRoot: section.worksOnRoot,
    async inspect(world) {
      const found = await section.inspect(entry, world);
      if (found.state !== 'differs') return found;
      const { state, what, plan } = found;
      const apply = (): Promise<Outcome> => {
        onApply();
        return section.apply(entry, plan, world);
      };
      return { state, what, apply };
    },
  }));
}
