using System.Collections.Generic;
using VirtioGuest.Conformance.Events;
using VirtioGuest.Conformance.Judge;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Hal;

namespace VirtioGuest.Conformance.Models;

/// <summary>A PCI function that tells of every access before it passes it on, and of what was read after it.</summary>
internal sealed class WatchedFunction : IBusFunction
{
    private const uint CapabilitiesPointer = 0x34;
    private const byte VendorSpecific = 0x09;
    private const byte Msix = 0x11;
    private const byte WindowKind = 5;
    private const byte NotifyKind = 2;

    private readonly IBusFunction _function;
    private readonly ModelWatch _watch;
    private readonly List<PciStructure> _structures = [];
    private int _vectorsBar = -1;

    public WatchedFunction(IBusFunction function, ModelWatch watch)
    {
        _function = function;
        _watch = watch;
    }

    /// <summary>Reads the capabilities, as a driver does.</summary>
    public DeviceFacts Describe(VirtioDeviceModel model)
    {
        List<(uint Offset, uint Length)> capabilities = [];
        uint window = 0;
        uint msix = 0;
        int vectors = 0;
        uint? multiplier = null;
        for (uint at = Byte(CapabilitiesPointer); at != 0; at = Byte(at + 1))
        {
            if (Byte(at) == Msix)
            {
                msix = at;
                vectors = (int)(_function.ReadConfiguration(at + 2, 2) & 0x7FF) + 1;
                _vectorsBar = (int)(_function.ReadConfiguration(at + 4, 4) & 7);
            }
            else if (Byte(at) == VendorSpecific)
            {
                uint kind = Byte(at + 3);
                capabilities.Add((at, Byte(at + 2)));
                window = kind == WindowKind ? at : window;
                multiplier = kind == NotifyKind ? _function.ReadConfiguration(at + 16, 4) : multiplier;
                if (kind != WindowKind)
                {
                    _structures.Add(new PciStructure(
                        RegionOf(kind),
                        (int)Byte(at + 4),
                        _function.ReadConfiguration(at + 8, 4),
                        _function.ReadConfiguration(at + 12, 4)));
                }
            }
        }

        return new DeviceFacts
        {
            DeviceType = model.DeviceType,
            Offered = ModelWatch.Offer(model),
            Vectors = vectors,
            NotifyMultiplier = multiplier,
            SeesPci = true,
            Window = window,
            Msix = msix,
            Capabilities = capabilities,
            Structures = _structures,
        };
    }

    /// <inheritdoc/>
    public uint ReadConfiguration(uint offset, int width)
    {
        uint value = _function.ReadConfiguration(offset, width);
        _watch.Tell(new RegisterAccess(RegisterRegion.Pci, false, offset, width, value));
        return value;
    }

    /// <inheritdoc/>
    public void WriteConfiguration(uint offset, int width, uint value)
    {
        _watch.TellWrite(new RegisterAccess(RegisterRegion.Pci, true, offset, width, value));
        _function.WriteConfiguration(offset, width, value);
        _watch.AfterWrite();
    }

    /// <inheritdoc/>
    public int? Decode(ulong address, out ulong offset) => _function.Decode(address, out offset);

    /// <inheritdoc/>
    public uint ReadBar(int index, ulong offset, int width)
    {
        uint value = _function.ReadBar(index, offset, width);
        (RegisterRegion region, uint place) = Place(index, (uint)offset);
        _watch.Tell(new RegisterAccess(region, false, place, width, value));
        return value;
    }

    /// <inheritdoc/>
    public void WriteBar(int index, ulong offset, int width, uint value)
    {
        (RegisterRegion region, uint place) = Place(index, (uint)offset);
        _watch.TellWrite(new RegisterAccess(region, true, place, width, value));
        _function.WriteBar(index, offset, width, value);
        _watch.AfterWrite();
    }

    private uint Byte(uint offset) => _function.ReadConfiguration(offset, 1);

    private (RegisterRegion Region, uint Offset) Place(int bar, uint offset)
    {
        foreach (PciStructure each in _structures)
        {
            if (each.Holds(bar, offset, 1))
            {
                return (each.Region, offset - each.Offset);
            }
        }

        return (bar == _vectorsBar ? RegisterRegion.Vectors : RegisterRegion.Elsewhere, offset);
    }

    private static RegisterRegion RegionOf(uint kind) => kind switch
    {
        1 => RegisterRegion.Common,
        NotifyKind => RegisterRegion.Notify,
        3 => RegisterRegion.Isr,
        4 => RegisterRegion.Configuration,
        _ => RegisterRegion.Elsewhere,
    };
}

/// <summary>The same for registers over MMIO.</summary>
internal sealed class WatchedRegisters : RegisterWindow
{
    private readonly MmioRegion _registers;
    private readonly ModelWatch _watch;

    public WatchedRegisters(MmioRegion registers, ModelWatch watch)
        : base(registers.Length)
    {
        _registers = registers;
        _watch = watch;
    }

    /// <inheritdoc/>
    protected override uint Read(uint offset, int width)
    {
        uint value = Read(_registers, offset, width);
        _watch.Tell(new RegisterAccess(RegisterRegion.Mmio, false, offset, width, value));
        return value;
    }

    /// <inheritdoc/>
    protected override void Write(uint offset, int width, uint value)
    {
        _watch.TellWrite(new RegisterAccess(RegisterRegion.Mmio, true, offset, width, value));
        Write(_registers, offset, width, value);
        _watch.AfterWrite();
    }
}
