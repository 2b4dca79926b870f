export interface ServiceStatus {
  readonly isKnown: boolean;
  readonly isEnabled: boolean;
  readonly isRunning: boolean;
}

/** What an init system must be able to do. To add one: a file in managers/, and its line in services.ts. */
export interface ServiceManager {
  readonly name: string;
  /** False where no init system runs (a container, an image being built): services can be enabled, not started. */
  readonly canStart: boolean;
  status(service: string): Promise<ServiceStatus>;
  /** @throws Problem with what the tool said */
  enable(service: string): Promise<void>;
  disable(service: string): Promise<void>;
  start(service: string): Promise<void>;
  stop(service: string): Promise<void>;
  restart(service: string): Promise<void>;
  /** Makes the init system read its unit files again. */
  reload(): Promise<void>;
}
