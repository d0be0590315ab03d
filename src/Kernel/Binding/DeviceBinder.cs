using System;
using System.Collections.Generic;
using System.Threading;
using VirtioGuest.Commands.Text;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Entropy;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Drivers.Virtio.Transport.Mmio;
using VirtioGuest.Drivers.Virtio.Transport.Pci;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Acpi;
using VirtioGuest.Kernel.FirmwareConfiguration;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Sockets;
using VirtioGuest.Kernel.Services.Block;
using VirtioGuest.LibOS.Abi;
using VirtioGuest.Pci;

namespace VirtioGuest.Kernel.Binding;

/// <summary>
/// Finds the devices at the start, brings up those that there is a driver for, and silences all others. One line each
/// says what came of it; a device that fails stops no other.
/// </summary>
internal sealed class DeviceBinder
{
    private const ulong LegacyStatusOffset = 18;

    private readonly Hal.Machine _machine;
    private readonly TextOutput _output;
    private TimeSpan _requestLimit;

    /// <summary>Creates a binder.</summary>
    /// <param name="machine">The machine that drivers see.</param>
    /// <param name="output">Where the lines go.</param>
    public DeviceBinder(Hal.Machine machine, TextOutput output)
    {
        _machine = machine;
        _output = output;
        Tables = FirmwareTables.Read(machine, []);
    }

    /// <summary>The firmware's tables; none before <see cref="Bind"/>.</summary>
    public FirmwareTables Tables { get; private set; }

    /// <summary>Called with each entropy device, at the start or later.</summary>
    public Action<OtherDevice>? FeedEntropy { get; init; }

    /// <summary>Does all of it: the functions on PCI first, then what command line and ACPI name.</summary>
    public DeviceInventory Bind(FirmwareDescription firmware)
    {
        _requestLimit = RequestLimit.Read(firmware.CommandLine, _output);
        Tables = FirmwareTables.Read(_machine, firmware.Tables);
        List<MmioDeviceWord> places = MmioDeviceWords.Read(firmware, _output);
        VirtioMmioDevices.AddTo(places, Tables.Names, _output);
        DeviceInventory inventory = BindPci(firmware, places);
        foreach (MmioDeviceWord place in places)
        {
            BindMmio(inventory, place);
        }

        return inventory;
    }

    private DeviceInventory BindPci(FirmwareDescription firmware, List<MmioDeviceWord> places)
    {
        ConfigurationAccess? configuration = ConfigurationSpace.Open(
            _machine, firmware.ConfigurationWindows, _output, out string name);
        if (configuration is null)
        {
            _output.WriteLine("no PCI configuration space: no PCI devices");
            return new DeviceInventory([]);
        }

        PciTopology topology = PciTopology.Discover(configuration, _machine.Log);
        _topology = topology;
        AssignAddresses(topology, firmware, places);

        // All others first: a line that a device shares with a noisy one is quiet by the time it is used.
        foreach (PciFunction function in topology.Functions)
        {
            if (!PciIdentity.TryIdentify(function, out _))
            {
                Silence(function);
            }
        }

        var inventory = new DeviceInventory(topology.Functions) { ConfigurationSpace = name };
        _inventory = inventory;
        foreach (PciFunction function in topology.Functions)
        {
            if (PciIdentity.TryIdentify(function, out ushort deviceType))
            {
                BindVirtio(inventory, function, deviceType);
            }
        }

        return inventory;
    }

    private void Silence(PciFunction function)
    {
        if (!SataController.Stop(_machine, function))
        {
            _output.WriteLine($"{function.Address}: a SATA port that firmware left running does not stop: cut off");
        }

        function.Quiesce();
    }

    private void AssignAddresses(PciTopology topology, FirmwareDescription firmware, List<MmioDeviceWord> places)
    {
        var assignment = new BaseAddressAssignment(_machine.Log);
        _assignment = assignment;
        foreach (AddressRange window in AddressWindows.Compute(firmware.MemoryMap))
        {
            assignment.AddMemoryWindow(window);
        }

        foreach (AddressRange range in AddressWindows.ComputeUnreachable(firmware.MemoryMap))
        {
            assignment.ReserveMemory(range);
        }

        foreach (AddressRange range in ConfigurationSpace.Ranges(firmware.ConfigurationWindows))
        {
            assignment.ReserveMemory(range);
        }

        foreach (MmioDeviceWord place in places)
        {
            assignment.ReserveMemory(place.Range);
        }

        assignment.AddIoWindow(AddressWindows.Ports);
        int assigned = assignment.Assign(topology);
        if (assigned != 0)
        {
            _output.WriteLine("pci: " + assigned.ToString() + " address ranges assigned");
        }
    }

    private void BindVirtio(DeviceInventory inventory, PciFunction function, ushort deviceType)
    {
        PciTransport? transport = PciTransport.TryCreate(_machine, function, out Failure? transportFailure);
        Failure? failure = transport is null && DriverRegistry.Find(deviceType) is not null
            ? transportFailure
            : StartDriver(inventory, transport, deviceType);
        if (failure is not null)
        {
            Reset(function, transport);
            function.Quiesce();
            _output.WriteLine($"{function.Address}: {failure.Of(DeviceTypes.NameOf(deviceType))}: skipped");
        }
    }

    private void BindMmio(DeviceInventory inventory, MmioDeviceWord place)
    {
        MmioTransport? transport = MmioTransport.TryCreate(
            _machine, place.Range.Start, place.Range.Length, place.Line, out Failure? placeFailure);
        if (transport is null)
        {
            // An empty place is no failure.
            if (placeFailure is not null)
            {
                _output.WriteLine($"{placeFailure.Of($"0x{place.Range.Start:x}")}: skipped");
            }

            return;
        }

        Failure? failure = StartDriver(inventory, transport, transport.DeviceType);
        if (failure is not null)
        {
            ConfirmReset(transport);
            _output.WriteLine(
                $"{transport.Location}: {failure.Of(DeviceTypes.NameOf(transport.DeviceType))}: skipped");
        }
    }

    private Failure? StartDriver(DeviceInventory inventory, VirtioTransport? transport, ushort deviceType)
    {
        VirtioDriver? driver = DriverRegistry.Find(deviceType);
        if (transport is null || driver is null)
        {
            return new Failure("has no driver");
        }

        return deviceType switch
        {
            DeviceTypes.Block => StartDisk(inventory, transport),
            DeviceTypes.Network => StartPort(inventory, transport),
            _ => StartOther(inventory, transport, driver),
        };
    }

    private Failure? StartDisk(DeviceInventory inventory, VirtioTransport transport)
    {
        Disk? disk = Disk.TryCreate(
            transport, inventory.NextDiskName, _requestLimit, out Failure? failure);
        if (disk is null)
        {
            return failure;
        }

        inventory.Add(disk);
        Announce(inventory, disk.Device, disk.Size);
        return null;
    }

    private Failure? StartPort(DeviceInventory inventory, VirtioTransport transport)
    {
        VirtioLink? link = VirtioLink.TryCreate(transport, inventory.NextNetworkName, out Failure? failure);
        if (link is null)
        {
            return failure;
        }

        var port = new NetworkPort(inventory.NextNetworkName, link);
        link.Connect(port.Stack);
        inventory.Add(port);
        GuestSockets.Add(port);
        Announce(inventory, link.Device, link.Address.ToString());
        return null;
    }

    private Failure? StartOther(DeviceInventory inventory, VirtioTransport transport, VirtioDriver driver)
    {
        OtherDevice? other = OtherDevice.TryCreate(
            driver, transport, inventory.NextName(driver.Prefix), out Failure? failure);
        if (other is null)
        {
            return failure;
        }

        inventory.Add(other);
        Announce(inventory, other.Device, null);
        if (other.Device is VirtioEntropy)
        {
            FeedEntropy?.Invoke(other);
        }

        return null;
    }

    private void Announce(DeviceInventory inventory, VirtioDevice device, string? property)
    {
        inventory.Add(device);

        // Whoever reads the line may name the device at once.
        Changed?.Invoke();
        string type = DeviceTypes.NameOf(device.Transport.DeviceType);
        _output.WriteLine(
            $"{device.Name}: {type} at {device.Transport.Location}, "
            + (property is null ? "" : property + ", ") + device.Describe().RingFormat + " ring");
    }

    // Firmware may have left it running, with rings in memory that is ours now.
    private void Reset(PciFunction function, PciTransport? transport)
    {
        if (transport is not null)
        {
            function.MemoryDecode = true;
            ConfirmReset(transport);
            return;
        }

        if (function.BaseAddress(0) is { IsIo: true, IsAssigned: true })
        {
            function.IoDecode = true;
            function.Map(_machine, 0, LegacyStatusOffset, 1)?.Write8(0, 0);
        }
    }

    private void ConfirmReset(VirtioTransport transport)
    {
        if (!transport.Reset())
        {
            _output.WriteLine($"{transport.Location}: does not finish its reset: cut off");
        }
    }

    private readonly Lock _gate = new();
    private PciTopology? _topology;
    private BaseAddressAssignment? _assignment;
    private DeviceInventory? _inventory;

    /// <summary>Called when the inventory has changed.</summary>
    public Action? Changed { get; set; }

    /// <summary>The functions that are there.</summary>
    public PciFunction[] Functions => _topology?.Functions.ToArray() ?? [];

    /// <summary>Binds what was put into a slot.</summary>
    public void Plug(byte bus, byte device)
    {
        lock (_gate)
        {
            PciFunction[] added = _topology?.Add(bus, device) ?? [];
            if (added.Length == 0)
            {
                return;
            }

            _assignment!.AssignAdded(added);
            _inventory!.ReplaceFunctions(_topology!.Functions);
            foreach (PciFunction function in added)
            {
                if (!PciIdentity.TryIdentify(function, out ushort deviceType))
                {
                    Silence(function);
                }
                else
                {
                    BindVirtio(_inventory, function, deviceType);
                }
            }
        }
    }

    /// <summary>Lets go of what is in a slot; afterwards it can be taken out.</summary>
    public void Unplug(byte bus, byte device)
    {
        lock (_gate)
        {
            foreach (PciFunction function in _topology?.Remove(bus, device) ?? [])
            {
                string location = function.Address.ToString();
                string? name = _inventory!.Remove(location);
                _output.WriteLine((name is null ? "" : name + ", ") + location + ": the device was removed");
                _assignment!.Release(function);
            }

            _inventory?.ReplaceFunctions(_topology!.Functions);
        }

        Changed?.Invoke();
    }

    /// <summary>
    /// The number of the bus behind a bridge; null where there is no such bridge or it has no number.
    /// </summary>
    public byte? BusBehind(byte bus, byte device, byte function)
    {
        byte number = _topology?.Find(new PciAddress(0, bus, device, function))?.Bridge?.SecondaryBus ?? 0;
        return number == 0 ? null : number;
    }
}

/// <summary>What firmware and loader say of the machine, as far as finding devices needs it.</summary>
internal sealed class FirmwareDescription
{
    /// <summary>The memory map, in any order.</summary>
    public required IReadOnlyList<MemoryRange> MemoryMap { get; init; }

    /// <summary>Where PCI configuration space is in memory; none on a machine without ACPI.</summary>
    public required IReadOnlyList<ConfigurationWindow> ConfigurationWindows { get; init; }

    /// <summary>The ACPI tables; none on a machine without ACPI.</summary>
    public IReadOnlyList<AcpiTable> Tables { get; init; } = [];

    /// <summary>The kernel command line, which names the devices that cannot be looked for.</summary>
    public required string CommandLine { get; init; }
}
