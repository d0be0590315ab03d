using VirtioGuest.Devices.Pci;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Tests.Simulation;

/// <summary>The ports of a small PC: PCI, channel 2 of the timer, and port 0x80, where time passes.</summary>
internal sealed class ModelPorts(ModelPlatform platform, MechanismOnePorts pci) : PortSpace
{
    private const ulong TimerTicksPerSecond = 1_193_182;

    private ulong _timerStart;
    private ulong _timerCount;
    private bool _hasLowByte;

    /// <summary>How often configuration space was accessed where an interrupt could have come between.</summary>
    public int InterruptibleAccesses { get; private set; }

    /// <summary>Whether there is a timer.</summary>
    public bool HasTimer { get; set; } = true;

    public override byte Read8(ushort port)
    {
        if (port != 0x61)
        {
            platform.Pass(1000);
            return Pci(port).Read8(port);
        }

        // Looks at the timer are slow, so that a test does not spend its time on measuring the timestamp.
        platform.Pass(50_000);

        ulong elapsed = (platform.Now - _timerStart) * TimerTicksPerSecond / ModelPlatform.TicksPerSecond;
        return HasTimer && elapsed < _timerCount ? (byte)0x01 : HasTimer ? (byte)0x21 : (byte)0xFF;
    }

    public override ushort Read16(ushort port) => Pci(port).Read16(port);

    public override uint Read32(ushort port) => Pci(port).Read32(port);

    public override void Write8(ushort port, byte value)
    {
        switch (port)
        {
            case 0x42:
                _timerCount = _hasLowByte ? _timerCount | ((ulong)value << 8) : value;
                _hasLowByte = !_hasLowByte;
                _timerStart = platform.Now;
                break;
            case 0x80:
                platform.PassWhileWaiting();
                break;
            default:
                Pci(port).Write8(port, value);
                break;
        }
    }

    public override void Write16(ushort port, ushort value) => Pci(port).Write16(port, value);

    public override void Write32(ushort port, uint value) => Pci(port).Write32(port, value);

    private MechanismOnePorts Pci(ushort port)
    {
        // The address register is all that a look for the mechanism itself takes.
        InterruptibleAccesses += port >= 0xCFC && platform.AreInterruptsOn ? 1 : 0;
        return pci;
    }
}
