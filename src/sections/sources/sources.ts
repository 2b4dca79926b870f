import type { SourceEntry } from '../../config/config.ts';
import type { Section } from '../step.ts';
export const sourcesSection: Section<SourceEntry> = { name: 'sources', worksOnRoot: true, plan: (e) => e, probe: async () => ({ state: 'unchanged' }), apply: async () => ({ state: 'unchanged' }) };
