using System;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Devices.Entropy;
using VirtioGuest.Drivers.Virtio.Devices.Net;
using VirtioGuest.Drivers.Virtio.Transport;

namespace VirtioGuest.Drivers.Virtio.Devices;

/// <summary>A driver, before there is a device for it: which type it drives, and how it is made.</summary>
public abstract class VirtioDriver : DeviceType
{
    /// <summary>Describes a driver.</summary>
    /// <param name="deviceType">The virtio device ID, one of <see cref="DeviceTypes"/>.</param>
    /// <param name="prefix">What its devices are called, before their number: <c>disk</c> of <c>disk0</c>.</param>
    /// <param name="operations">What people can ask of its devices at a prompt.</param>
    protected VirtioDriver(ushort deviceType, string prefix, params DeviceOperation[] operations)
        : base(deviceType)
    {
        Prefix = prefix;
        Operations = operations;
    }

    /// <summary>What its devices are called, before their number.</summary>
    public string Prefix { get; }

    /// <summary>What people can ask of its devices at a prompt.</summary>
    public DeviceOperation[] Operations { get; }

    /// <summary>The operation that a self-test of its devices asks; null where none is meant for that.</summary>
    public DeviceOperation? SelfTest
    {
        get
        {
            for (int i = 0; i < Operations.Length; i++)
            {
                if (Operations[i].IsSelfTest)
                {
                    return Operations[i];
                }
            }

            return null;
        }
    }

    /// <summary>Makes the driver of one device; touches nothing of the device.</summary>
    /// <param name="transport">The way to a device of the type.</param>
    /// <param name="name">What its owner calls it.</param>
    /// <param name="owner">Who is told of interrupts.</param>
    public abstract VirtioDevice Create(VirtioTransport transport, string name, DeviceEventSink owner);
}

/// <summary>All drivers, by device type. A new one is a line here, or a call of <see cref="Add"/>.</summary>
public static class DriverRegistry
{
    private static VirtioDriver[] s_drivers =
    {
        new BlockDriver(),
        new NetDriver(),
        new EntropyDriver(),
    };

    /// <summary>All drivers.</summary>
    public static ReadOnlySpan<VirtioDriver> Drivers => s_drivers;

    /// <summary>Adds a driver of the program's own, before devices are bound.</summary>
    /// <exception cref="InvalidOperationException">There is a driver of its device type.</exception>
    public static void Add(VirtioDriver driver)
    {
        if (Find(driver.Id) is not null)
        {
            throw new InvalidOperationException("a driver of this device type is there already");
        }

        VirtioDriver[] all = new VirtioDriver[s_drivers.Length + 1];
        for (int i = 0; i < s_drivers.Length; i++)
        {
            all[i] = s_drivers[i];
        }

        all[s_drivers.Length] = driver;
        s_drivers = all;
    }

    /// <summary>The driver of a device type; null where there is none.</summary>
    public static VirtioDriver? Find(ushort deviceType)
    {
        for (int i = 0; i < s_drivers.Length; i++)
        {
            if (s_drivers[i].Id == deviceType)
            {
                return s_drivers[i];
            }
        }

        return null;
    }
}

/// <summary>
/// Something that people can ask of a device at a prompt: <c>rng 0 read 16</c> is operation <c>read</c> of <c>rng0</c>
/// with the argument 16.
/// </summary>
public sealed class DeviceOperation
{
    /// <summary>Describes an operation that takes a number.</summary>
    /// <param name="name">The verb, in lower case.</param>
    /// <param name="argument">What its argument is called, in upper case.</param>
    /// <param name="maximum">The largest argument; 1 is the smallest.</param>
    /// <param name="summary">What it does, in a few words.</param>
    /// <param name="isSelfTest">
    /// Whether a self-test asks it, with the smallest argument: it does no harm and has something to show.
    /// </param>
    public DeviceOperation(string name, string argument, int maximum, string summary, bool isSelfTest = false)
        : this(name, summary, isSelfTest)
    {
        Argument = argument;
        Maximum = maximum;
    }

    /// <summary>Describes an operation that takes no argument.</summary>
    /// <param name="name">The verb, in lower case.</param>
    /// <param name="summary">What it does, in a few words.</param>
    /// <param name="isSelfTest">Whether a self-test asks it: it does no harm and has something to show.</param>
    public DeviceOperation(string name, string summary, bool isSelfTest = false)
    {
        Name = name;
        Summary = summary;
        IsSelfTest = isSelfTest;
    }

    /// <summary>The verb.</summary>
    public string Name { get; }

    /// <summary>What its argument is called; null where it takes none.</summary>
    public string? Argument { get; }

    /// <summary>The smallest argument: 1, or 0 where it takes none.</summary>
    public int Minimum => Argument is null ? 0 : 1;

    /// <summary>The largest argument; 0 where it takes none.</summary>
    public int Maximum { get; }

    /// <summary>What it does, in a few words.</summary>
    public string Summary { get; }

    /// <summary>Whether a self-test asks it, with the smallest argument.</summary>
    public bool IsSelfTest { get; }
}
