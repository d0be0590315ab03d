using Cosmos.Core;
using Cosmos.System;

namespace VirtioGuest.Cosmos.Kernel.Machine;

/// <summary>The machine's switches, as Cosmos has them.</summary>
internal sealed class CosmosSwitches : MachineSwitches
{
    /// <inheritdoc/>
    public override void PowerOff() => Power.Shutdown();

    /// <inheritdoc/>
    public override void Reset() => Power.Reboot();

    /// <inheritdoc/>
    public override void Rest() => CPU.Halt();
}
