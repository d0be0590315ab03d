using VirtioGuest.Devices;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Minimal;

/// <summary>Leads a line that is only ever pulsed to a simulated machine.</summary>
internal sealed class PulsedOutput : InterruptOutput
{
    private readonly SimulatedInterrupts _interrupts;
    private readonly byte _line;

    public PulsedOutput(SimulatedInterrupts interrupts, byte line)
    {
        _interrupts = interrupts;
        _line = line;
    }

    public override void SendMessage(ulong address, uint data) =>
        throw new System.InvalidOperationException("there are no messages");

    public override void SetLine(bool isAsserted)
    {
        if (isAsserted)
        {
            _interrupts.PulseLine(_line);
        }
    }
}
