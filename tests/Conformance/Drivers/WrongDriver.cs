using System;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Net;

namespace VirtioGuest.Conformance.Tests.Drivers;

/// <summary>A driver that breaks one requirement and no other.</summary>
/// <param name="Requirement">The requirement.</param>
/// <param name="What">What it does, in words.</param>
/// <param name="Setup">The device that it meets; a right driver works there too.</param>
/// <param name="Change">What makes it wrong.</param>
internal sealed record WrongDriver(string Requirement, string What, TinySetup Setup, Action<TinyDriver> Change)
{
    public override string ToString() => $"{Requirement}: {What}";
}

/// <summary>The devices that wrong drivers meet.</summary>
internal static class Setups
{
    public const ulong Packed = FeatureBit.RingPacked;
    public const ulong Events = FeatureBit.EventIndex;
    public const ulong Tables = FeatureBit.IndirectDescriptors;

    public static TinySetup Disk(ulong offered = 0) => new() { Offered = offered };

    public static TinySetup Card(ulong offered = 0) =>
        new() { DeviceType = 1, Offered = offered | NetFeature.Mac };

    public static TinySetup Entropy(ulong offered = 0) => new() { DeviceType = 4, Offered = offered };

    public static TinySetup Mmio(ulong offered = 0) => new() { Offered = offered, IsMmio = true };

    /// <summary>A disk that takes ranges: 4 sectors each, 2 in a request.</summary>
    public static TinySetup Ranges(ulong feature) => new()
    {
        Offered = feature,
        Prepare = model => ((BlockDevice)model).OfferRanges(feature, 4, 2),
    };

    /// <summary>A device that looks by itself once it has been told, and asks not to be told any more.</summary>
    public static TinySetup Polling(ulong offered = 0) => new()
    {
        Offered = offered,
        Prepare = model => model.Queues[0].Notifications = NotificationMode.Never,
    };

    /// <summary>A device that offers what it cannot handle.</summary>
    public static TinySetup Offering(ulong feature) => new()
    {
        Prepare = model => model.FalseFeatures = feature,
    };
}
