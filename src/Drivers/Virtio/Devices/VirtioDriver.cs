using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Devices.Net;
using VirtioGuest.Drivers.Virtio.Transport;

namespace VirtioGuest.Drivers.Virtio.Devices;

/// <summary>A driver, before there is a device for it: which type it drives, and how it is made.</summary>
public abstract class VirtioDriver : DeviceType
{
    /// <summary>Describes a driver.</summary>
    /// <param name="deviceType">The virtio device ID, one of <see cref="DeviceTypes"/>.</param>
    /// <param name="prefix">What its devices are called, before their number: <c>disk</c> of <c>disk0</c>.</param>
    protected VirtioDriver(ushort deviceType, string prefix)
        : base(deviceType)
    {
        Prefix = prefix;
    }

    /// <summary>What its devices are called, before their number.</summary>
    public string Prefix { get; }

    /// <summary>Makes the driver of one device; touches nothing of the device.</summary>
    /// <param name="transport">The way to a device of the type.</param>
    /// <param name="name">What its owner calls it.</param>
    /// <param name="owner">Who is told of interrupts.</param>
    public abstract VirtioDevice Create(VirtioTransport transport, string name, DeviceEventSink owner);
}

/// <summary>All drivers, by device type. A new one is a line here.</summary>
public static class DriverRegistry
{
    private static readonly VirtioDriver[] s_drivers =
    {
        BlockDriver.Instance,
        NetDriver.Instance,
    };

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
