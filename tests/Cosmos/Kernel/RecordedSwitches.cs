using System;
using System.Collections.Generic;
using VirtioGuest.Cosmos.Kernel.Machine;

namespace VirtioGuest.Cosmos.Tests.Kernel;

/// <summary>Only records the calls. A second rest would last for ever.</summary>
internal sealed class RecordedSwitches : MachineSwitches
{
    public List<string> Pulled { get; } = [];

    public int Rests { get; private set; }

    public Action WhileResting { get; set; } =
        () => throw new InvalidOperationException("nothing would ever end this rest");

    public override void PowerOff() => Pulled.Add("off");

    public override void Reset() => Pulled.Add("reset");

    public override void Rest()
    {
        Rests++;
        WhileResting();
    }
}
