namespace VirtioGuest.Cosmos.Kernel.Machine;

/// <summary>What the kit below does with the machine as a whole.</summary>
internal abstract class MachineSwitches
{
    /// <summary>Switches the machine off; returns where it cannot be.</summary>
    public abstract void PowerOff();

    /// <summary>Resets the machine.</summary>
    public abstract void Reset();

    /// <summary>Stops the processor until its next interrupt.</summary>
    public abstract void Rest();
}
