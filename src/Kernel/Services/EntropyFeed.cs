using System;
using System.Threading;
using VirtioGuest.Drivers.Virtio.Devices.Entropy;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Machine;

namespace VirtioGuest.Kernel.Services;

/// <summary>Mixes what entropy devices give into the random bytes of the program, every few minutes.</summary>
internal static class EntropyFeed
{
    private static readonly TimeSpan s_interval = TimeSpan.FromMinutes(5);

    /// <summary>Feeds from a device as long as it is there, on a thread of its own.</summary>
    public static void Start(OtherDevice owner)
    {
        new Thread(() => Run(owner)) { IsBackground = true }.Start();
    }

    private static void Run(OtherDevice owner)
    {
        LibOsThread.NameCurrent(owner.Name + " entropy");
        byte[] bytes = new byte[VirtioEntropy.MaximumLength];
        while (!owner.IsRemoved)
        {
            int count = 0;
            Failure? failure = owner.Request(
                device => ((VirtioEntropy)device).TryAsk(bytes.Length) ? null : new Failure("is busy"),
                device => ((VirtioEntropy)device).TryTake(bytes, out count),
                () => false);
            if (failure is null)
            {
                LibOsEntropy.Add(bytes.AsSpan(0, count));
            }

            bytes.AsSpan().Clear();
            Thread.Sleep(s_interval);
        }
    }
}
