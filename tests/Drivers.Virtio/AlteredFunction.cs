using VirtioGuest.Devices.Pci;

namespace VirtioGuest.Drivers.Virtio.Tests;

/// <summary>A PCI function whose configuration space is another one in a place.</summary>
internal abstract class AlteredFunction : IBusFunction
{
    private readonly IBusFunction _function;

    protected AlteredFunction(IBusFunction function)
    {
        _function = function;
    }

    public virtual uint ReadConfiguration(uint offset, int width) => _function.ReadConfiguration(offset, width);

    public virtual void WriteConfiguration(uint offset, int width, uint value) =>
        _function.WriteConfiguration(offset, width, value);

    public int? Decode(ulong address, out ulong offset) => _function.Decode(address, out offset);

    public uint ReadBar(int index, ulong offset, int width) => _function.ReadBar(index, offset, width);

    public void WriteBar(int index, ulong offset, int width, uint value) =>
        _function.WriteBar(index, offset, width, value);
}

/// <summary>A function that decodes ports besides, as transitional devices do.</summary>
internal sealed class FunctionWithPorts : AlteredFunction
{
    private const uint Command = 4;
    private const uint BaseAddress = 0x14;
    private const uint PortFlag = 1;
    private const uint Length = 0x20;

    private uint _address = 0xC000;

    public FunctionWithPorts(IBusFunction function)
        : base(function)
    {
    }

    public bool DecodesPorts { get; private set; }

    public override uint ReadConfiguration(uint offset, int width) => offset switch
    {
        BaseAddress => _address | PortFlag,
        Command => base.ReadConfiguration(offset, width) | (DecodesPorts ? 1u : 0),
        _ => base.ReadConfiguration(offset, width),
    };

    public override void WriteConfiguration(uint offset, int width, uint value)
    {
        if (offset == BaseAddress)
        {
            _address = value & ~(Length - 1);
        }
        else
        {
            DecodesPorts = offset == Command ? (value & 1) != 0 : DecodesPorts;
            base.WriteConfiguration(offset, width, value);
        }
    }
}

/// <summary>A function whose MSI-X cannot be turned on.</summary>
internal sealed class FunctionWithoutMessages : AlteredFunction
{
    private const uint FirstCapability = 0x34;
    private const uint MsixId = 0x11;
    private const uint EnableBit = 1 << 15;

    private readonly uint _control;

    public FunctionWithoutMessages(IBusFunction function)
        : base(function)
    {
        uint at = function.ReadConfiguration(FirstCapability, 1);
        while (function.ReadConfiguration(at, 1) != MsixId)
        {
            at = function.ReadConfiguration(at + 1, 1);
        }

        _control = at + 2;
    }

    public override void WriteConfiguration(uint offset, int width, uint value) =>
        base.WriteConfiguration(offset, width, offset == _control && width == 2 ? value & ~EnableBit : value);
}
