using VirtioGuest.Devices;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Hostile;

/// <summary>Leads a device's interrupts to a simulated machine.</summary>
internal sealed class MachineOutput : InterruptOutput
{
    private readonly SimulatedInterrupts _interrupts;
    private readonly byte _line;

    public MachineOutput(SimulatedInterrupts interrupts, byte line)
    {
        _interrupts = interrupts;
        _line = line;
    }

    public override void SendMessage(ulong address, uint data) => _interrupts.Send(address, data);

    public override void SetLine(bool isAsserted)
    {
        if (isAsserted)
        {
            _interrupts.RaiseLine(_line);
        }
        else
        {
            _interrupts.LowerLine(_line);
        }
    }
}
