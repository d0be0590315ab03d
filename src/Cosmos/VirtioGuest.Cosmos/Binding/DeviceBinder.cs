using System;
using System.Collections.Generic;
using VirtioGuest.Cosmos.Block;
using VirtioGuest.Cosmos.Machine;
using VirtioGuest.Cosmos.Net;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Drivers.Virtio.Transport.Pci;
using VirtioGuest.Hal;
using VirtioGuest.Pci;

namespace VirtioGuest.Cosmos.Binding;

/// <summary>
/// Finds the virtio devices on PCI and brings up those that there is a driver for. One line each says what came of it;
/// a device that fails stops no other. Functions of other kinds are Cosmos' and are left as they are.
/// </summary>
public static class DeviceBinder
{
    private const byte NetworkClass = 0x02;
    private const byte MultimediaClass = 0x04;

    /// <summary>Does all of it.</summary>
    /// <param name="platform">The platform.</param>
    /// <param name="machine">The machine over it.</param>
    public static DeviceInventory Bind(Platform platform, CosmosMachine machine)
    {
        var inventory = new DeviceInventory();
        if (!ConfigurationMechanism1.IsPresent(machine.Ports))
        {
            machine.Log.Warning("no PCI configuration space: no virtio devices");
            return inventory;
        }

        PciTopology topology = PciTopology.Discover(
            new UninterruptedConfigurationAccess(platform, new ConfigurationMechanism1(machine.Ports)), machine.Log);
        ReadOnlySpan<PciFunction> functions = topology.Functions;
        for (int i = 0; i < functions.Length; i++)
        {
            LeaveForeignLine(machine, functions[i]);
        }

        for (int i = 0; i < functions.Length; i++)
        {
            if (PciIdentity.TryIdentify(functions[i], out ushort deviceType))
            {
                Bind(new FunctionStart(platform, machine, functions[i]), functions[i], deviceType, inventory);
            }
        }

        return inventory;
    }

    /// <summary>
    /// Leaves alone the line of a function that Cosmos itself may have a driver with an interrupt for: one handler is
    /// called for each line, and ours would take its place.
    /// </summary>
    private static void LeaveForeignLine(CosmosMachine machine, PciFunction function)
    {
        bool mayHaveDriver = function.BaseClass == NetworkClass || function.BaseClass == MultimediaClass;
        if (mayHaveDriver && function.InterruptPin != 0 && !PciIdentity.TryIdentify(function, out _))
        {
            machine.Lines.LeaveAlone(function.InterruptLine);
        }
    }

    private static void Bind(FunctionStart start, PciFunction function, ushort deviceType, DeviceInventory inventory)
    {
        VirtioDriver? driver = DriverRegistry.Find(deviceType);
        if (driver is null)
        {
            Skip(start, function, deviceType, "has no driver");
            return;
        }

        PciTransport? transport = PciTransport.TryCreate(start.Machine, function, out string failure);
        if (transport is null)
        {
            Skip(start, function, deviceType, failure);
        }
        else if (deviceType == DeviceTypes.Block)
        {
            BindDisk(start, function, transport, inventory);
        }
        else if (deviceType == DeviceTypes.Network)
        {
            BindCard(start, function, transport, inventory);
        }
        else
        {
            BindOther(start, function, driver, transport, inventory);
        }
    }

    private static void BindDisk(
        FunctionStart start, PciFunction function, PciTransport transport, DeviceInventory inventory)
    {
        DiskAccess? disk = DiskAccess.TryCreate(
            start, transport, "disk" + DecimalText.Of((ulong)inventory.Disks.Count), out string failure);
        if (disk is null)
        {
            Skip(start, function, DeviceTypes.Block, failure);
            return;
        }

        inventory.Disks.Add(disk);
        Announce(start, disk.Device, DecimalText.Of(disk.SectorCount) + " sectors");
    }

    private static void BindCard(
        FunctionStart start, PciFunction function, PciTransport transport, DeviceInventory inventory)
    {
        CardAccess? card = CardAccess.TryCreate(
            start, transport, "net" + DecimalText.Of((ulong)inventory.Cards.Count), out string failure);
        if (card is null)
        {
            Skip(start, function, DeviceTypes.Network, failure);
            return;
        }

        inventory.Cards.Add(card);
        Announce(start, card.Device, MacText.Of(card.ReadMacAddress()));
    }

    private static void BindOther(
        FunctionStart start,
        PciFunction function,
        VirtioDriver driver,
        PciTransport transport,
        DeviceInventory inventory)
    {
        OtherDevice? other = OtherDevice.TryCreate(
            start, driver, transport, inventory.NextName(driver.Prefix), out string failure);
        if (other is null)
        {
            Skip(start, function, driver.Id, failure);
            return;
        }

        inventory.Others.Add(other);
        Announce(start, other.Device, null);
    }

    private static void Announce(FunctionStart start, VirtioDevice device, string? property)
    {
        DeviceDescription description = device.Describe();
        string interrupts = start.IsPolled ? "polled" : description.Interrupts;
        start.Machine.Log.Information(
            device.Name + ": " + description.TypeName + " at " + device.Transport.Location + ", "
            + (property is null ? "" : property + ", ") + description.RingFormat + " ring, " + interrupts);
    }

    private static void Skip(FunctionStart start, PciFunction function, ushort deviceType, string failure) =>
        start.Machine.Log.Information(
            function.Address.ToString() + ": " + DeviceTypes.NameOf(deviceType) + " " + failure + ": skipped");
}

/// <summary>The devices that are in use, each kind in the order in which it was found.</summary>
public sealed class DeviceInventory
{
    /// <summary>The disks.</summary>
    public List<DiskAccess> Disks { get; } = new();

    /// <summary>The network cards.</summary>
    public List<CardAccess> Cards { get; } = new();

    /// <summary>All others.</summary>
    public List<OtherDevice> Others { get; } = new();

    internal string NextName(string prefix)
    {
        ulong number = 0;
        for (int i = 0; i < Others.Count; i++)
        {
            if (Others[i].Device.Driver.Prefix == prefix)
            {
                number++;
            }
        }

        return prefix + DecimalText.Of(number);
    }
}

/// <summary>
/// Brings a device of a PCI function up, and keeps it from raising a line on which nobody of ours would answer.
/// </summary>
public sealed class FunctionStart
{
    private const byte LastLine = 15;

    private readonly Platform _platform;
    private readonly CosmosMachine _machine;
    private readonly PciFunction _function;

    /// <summary>Covers a function.</summary>
    internal FunctionStart(Platform platform, CosmosMachine machine, PciFunction function)
    {
        _platform = platform;
        _machine = machine;
        _function = function;
    }

    /// <summary>The platform below.</summary>
    internal Platform Platform => _platform;

    /// <summary>The machine that the device's driver sees.</summary>
    internal CosmosMachine Machine => _machine;

    /// <summary>Whether the device is polled, because nobody of ours is called for its line.</summary>
    internal bool IsPolled => _machine.Lines.IsPolled(_function.InterruptLine);

    /// <summary>Brings the device up, for the first time or again.</summary>
    /// <param name="device">The function's device, new or stopped.</param>
    /// <param name="failure">Why it is not up, as the end of a sentence that starts with the device.</param>
    internal bool TryStart(VirtioDevice device, out string failure)
    {
        byte line = _function.InterruptLine;
        bool isPolled = IsPolled;
        bool isForeign = isPolled && line <= LastLine;
        if (isForeign)
        {
            // The driver lets its function interrupt. On a line of somebody else nobody would quiet it, and the
            // processor would not get past the first interrupt to forbid it again.
            _platform.SetMask(line, isMasked: true);
        }

        bool isRunning = device.TryStart(out failure);
        if (isPolled)
        {
            _function.InterruptDisable = true;
        }

        if (isForeign && _machine.Lines.IsForeign(line))
        {
            _platform.SetMask(line, isMasked: false);
        }

        return isRunning;
    }
}
