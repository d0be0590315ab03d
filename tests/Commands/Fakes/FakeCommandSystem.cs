using System.Collections.Generic;

namespace VirtioGuest.Commands.Tests.Fakes;

/// <summary>A machine that writes down what is done to it, and pauses without waiting.</summary>
internal sealed class FakeCommandSystem(FakeClock clock) : CommandSystem
{
    public List<string> Calls { get; } = [];

    public override void DebugExit(byte value) => Calls.Add("exit " + value);

    public override void PowerOff() => Calls.Add("off");

    public override void Reset() => Calls.Add("reset");

    public override void Pause(uint milliseconds)
    {
        Calls.Add("pause " + milliseconds);
        clock.Pass(milliseconds);
    }
}
