using System;
using System.Collections.Generic;
using System.Diagnostics.CodeAnalysis;
using VirtioGuest.Cosmos.Block;
using VirtioGuest.Cosmos.Machine;
using VirtioGuest.Cosmos.Net;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Drivers.Virtio.Transport.Pci;
using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;
using VirtioGuest.Pci;

namespace VirtioGuest.Cosmos.Binding;

/// <summary>
/// Finds the virtio devices on PCI and starts those that have a driver. Each gets a line on the console; a device that
/// fails stops no other. All other functions belong to Cosmos and are left as they are.
/// </summary>
public static class DeviceBinder
{
    private const byte NetworkClass = 0x02;
    private const byte MultimediaClass = 0x04;

    /// <summary>Finds and starts the devices.</summary>
    /// <param name="platform">What the machine is made of.</param>
    /// <param name="machine">The machine that drivers see.</param>
    /// <returns>The devices that run.</returns>
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
                Bind(new DeviceFunction(platform, machine, functions[i]), deviceType, inventory);
            }
        }

        return inventory;
    }

    // Cosmos calls one handler for each line. Where a driver of its own may have one, ours would take its place.
    private static void LeaveForeignLine(CosmosMachine machine, PciFunction function)
    {
        bool mayHaveDriver = function.BaseClass == NetworkClass || function.BaseClass == MultimediaClass;
        if (mayHaveDriver && function.InterruptPin != 0 && !PciIdentity.TryIdentify(function, out _))
        {
            machine.Lines.LeaveAlone(function.InterruptLine);
        }
    }

    private static void Bind(DeviceFunction function, ushort deviceType, DeviceInventory inventory)
    {
        VirtioDriver? driver = DriverRegistry.Find(deviceType);
        if (driver is null)
        {
            Skip(function, deviceType, new Failure("has no driver"));
            return;
        }

        PciTransport? transport = PciTransport.TryCreate(function.Machine, function.Pci, out Failure? failure);
        if (transport is null)
        {
            Skip(function, deviceType, failure!);
        }
        else if (deviceType == DeviceTypes.Block)
        {
            BindDisk(function, transport, inventory);
        }
        else if (deviceType == DeviceTypes.Network)
        {
            BindCard(function, transport, inventory);
        }
        else
        {
            BindOther(function, driver, transport, inventory);
        }
    }

    private static void BindDisk(
        DeviceFunction function, PciTransport transport, DeviceInventory inventory)
    {
        DiskAccess? disk = DiskAccess.TryCreate(
            function, transport, "disk" + DecimalText.Of((ulong)inventory.Disks.Count), out Failure? failure);
        if (disk is null)
        {
            Skip(function, DeviceTypes.Block, failure!);
            return;
        }

        inventory.Disks.Add(disk);
        Announce(function, disk.Device, DecimalText.Of(disk.SectorCount) + " sectors");
    }

    private static void BindCard(
        DeviceFunction function, PciTransport transport, DeviceInventory inventory)
    {
        CardAccess? card = CardAccess.TryCreate(
            function, transport, "net" + DecimalText.Of((ulong)inventory.Cards.Count), out Failure? failure);
        if (card is null)
        {
            Skip(function, DeviceTypes.Network, failure!);
            return;
        }

        inventory.Cards.Add(card);
        Announce(function, card.Device, MacText.Of(card.ReadMacAddress()));
    }

    private static void BindOther(
        DeviceFunction function, VirtioDriver driver, PciTransport transport, DeviceInventory inventory)
    {
        OtherDevice? other = OtherDevice.TryCreate(
            function, driver, transport, inventory.NextName(driver.Prefix), out Failure? failure);
        if (other is null)
        {
            Skip(function, driver.Id, failure!);
            return;
        }

        inventory.Others.Add(other);
        Announce(function, other.Device, null);
    }

    private static void Announce(DeviceFunction function, VirtioDevice device, string? property)
    {
        DeviceDescription description = device.Describe();
        string interrupts = function.IsPolled ? "polled" : description.Interrupts;
        function.Machine.Log.Information(
            device.Name + ": " + description.TypeName + " at " + device.Transport.Location + ", "
            + (property is null ? "" : property + ", ") + description.RingFormat + " ring, " + interrupts);
    }

    private static void Skip(DeviceFunction function, ushort deviceType, Failure failure) =>
        function.Machine.Log.Information(
            function.Pci.Address.ToString() + ": " + failure.Of(DeviceTypes.NameOf(deviceType)) + ": skipped");
}

/// <summary>The devices that run, each kind in the order in which it was found.</summary>
public sealed class DeviceInventory
{
    /// <summary>virtio-blk.</summary>
    public List<DiskAccess> Disks { get; } = new();

    /// <summary>virtio-net.</summary>
    public List<CardAccess> Cards { get; } = new();

    /// <summary>Devices of all other drivers in the registry.</summary>
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
/// A PCI function with a virtio device on it. Starts the device, and keeps it from raising a line that no handler of
/// ours is called for.
/// </summary>
internal sealed class DeviceFunction
{
    private const byte LastLine = 15;

    internal DeviceFunction(Platform platform, CosmosMachine machine, PciFunction pci)
    {
        Platform = platform;
        Machine = machine;
        Pci = pci;
    }

    internal Platform Platform { get; }

    internal CosmosMachine Machine { get; }

    internal PciFunction Pci { get; }

    /// <summary>Whether the device has to be polled, because no handler of ours is called for its line.</summary>
    internal bool IsPolled => Machine.Lines.IsPolled(Pci.InterruptLine);

    /// <summary>Starts the device, for the first time or again.</summary>
    /// <param name="device">The function's device, new or stopped.</param>
    /// <param name="failure">Why it does not run.</param>
    internal bool TryStart(VirtioDevice device, [NotNullWhen(false)] out Failure? failure)
    {
        byte line = Pci.InterruptLine;
        bool isPolled = IsPolled;
        bool mustMask = isPolled && line <= LastLine;
        if (mustMask)
        {
            // The driver turns the function's interrupt on before it can be turned off here. On a line with a foreign
            // handler nothing would make the device lower it, and the processor would never get past the interrupt.
            Platform.SetMask(line, isMasked: true);
        }

        bool isRunning = device.TryStart(out failure);
        if (isPolled)
        {
            Pci.InterruptDisable = true;
        }

        if (mustMask && Machine.Lines.IsForeign(line))
        {
            Platform.SetMask(line, isMasked: false);
        }

        return isRunning;
    }
}
