using System.Collections.Generic;

namespace VirtioGuest.Commands.Tests.Fakes;

/// <summary>A machine that records what is done to it, and pauses without waiting.</summary>
internal sealed class FakeCommandSystem(FakeClock clock) : CommandSystem
{
    public List<string> Calls { get; } = [];

    /// <summary>How often a command asks before Ctrl+C is typed; null for never.</summary>
    public int? LooksUntilInterrupt { get; set; }

    /// <summary>How often it was told that a Ctrl+C has done its work.</summary>
    public int UsedInterrupts { get; private set; }

    public override bool IsInterrupted
    {
        get
        {
            LooksUntilInterrupt = LooksUntilInterrupt > 0 ? LooksUntilInterrupt - 1 : LooksUntilInterrupt;
            return LooksUntilInterrupt == 0;
        }
    }

    public override void UseInterrupt()
    {
        UsedInterrupts++;
        LooksUntilInterrupt = null;
    }

    public override void DebugExit(byte value) => Calls.Add("exit " + value);

    public override void PowerOff() => Calls.Add("off");

    public override void Reset() => Calls.Add("reset");

    public override void Pause(uint milliseconds)
    {
        Calls.Add("pause " + milliseconds);
        clock.Pass(milliseconds);
    }
}
