using System;
using System.Threading;
using VirtioGuest.Drivers.Virtio.Devices;
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
        var request = new EntropyRequest(bytes);
        while (!owner.IsRemoved)
        {
            if (owner.Run(request) is null)
            {
                LibOsEntropy.Add(bytes.AsSpan(0, request.Count));
            }

            bytes.AsSpan().Clear();
            Thread.Sleep(s_interval);
        }
    }

    private sealed class EntropyRequest(byte[] bytes) : DeviceRequest
    {
        private int _count;

        public int Count => _count;

        public override Failure? Begin(VirtioDevice device) =>
            ((VirtioEntropy)device).TryAsk(bytes.Length) ? null : new Failure("is busy");

        public override bool TryEnd(VirtioDevice device, out Failure? failure)
        {
            failure = null;
            return ((VirtioEntropy)device).TryTake(bytes, out _count);
        }
    }
}
