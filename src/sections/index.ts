import type { Config } from '../config/config.ts';
import { commandsSection } from './commands/commands.ts';
import { filesSection } from './files/files.ts';
import { groupsSection } from './groups/groups.ts';
import { packagesSection } from './packages/packages.ts';
import { servicesSection } from './services/services.ts';
import { sourcesSection } from './sources/sources.ts';
import type { Outcome, Probe, Section, Step, World } from './step.ts';
import { usersSection } from './users/users.ts';

/** A step with the code that carries it out. */
export interface BoundStep extends Step {
  readonly worksOnRoot: boolean;
  probe(world: World): Promise<Probe>;
  apply(world: World): Promise<Outcome>;
}

/** All steps of the configs, in the order in which they are applied. The order of sections is AWS's documented one. */
export function planSteps(configs: readonly Config[]): readonly BoundStep[] {
  return configs.flatMap((config) => [
    ...bind(packagesSection, config.name, config.packages),
    ...bind(groupsSection, config.name, config.groups),
    ...bind(usersSection, config.name, config.users),
    ...bind(sourcesSection, config.name, config.sources),
    ...bind(filesSection, config.name, config.files),
    ...bind(commandsSection, config.name, config.commands),
    ...bind(servicesSection, config.name, config.services),
  ]);
}

function bind<E extends Step['entry']>(section: Section<E>, config: string, entries: readonly E[]): BoundStep[] {
  return section.plan(entries).map((entry) => ({
    section: section.name,
    config,
    entry,
    worksOnRoot: section.worksOnRoot,
    probe: (world) => section.probe(entry, world),
    apply: (world) => section.apply(entry, world),
  }));
}
