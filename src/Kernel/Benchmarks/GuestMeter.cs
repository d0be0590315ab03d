using System;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Kernel.Machine;

namespace VirtioGuest.Kernel.Benchmarks;

/// <summary>What the guest as a whole has spent so far, and what a device has caused.</summary>
internal readonly struct GuestMeter
{
    private const string IdleThread = "idle";
    private const ulong NanosecondsPerMillisecond = 1_000_000;

    private readonly ulong _ticksBefore;
    private readonly ulong _ticksAfter;
    private readonly ulong _idleTicks;

    private GuestMeter(SystemControl system, VirtioDevice device)
    {
        // A reading takes long itself. What it takes is outside of the span between two readings.
        _ticksBefore = TimestampCounter.Read();
        Nanoseconds = TimestampCounter.Nanoseconds;
        ulong notifications = 0;
        foreach (QueueDescription queue in device.Describe().Queues)
        {
            notifications += queue.Notifications;
        }

        Notifications = notifications;
        Interrupts = CountInterrupts(system, device.Name);
        _idleTicks = IdleNanoseconds(system) * TimestampCounter.Kilohertz / NanosecondsPerMillisecond;
        _ticksAfter = TimestampCounter.Read();
    }

    /// <summary>The time since the kernel's start.</summary>
    public ulong Nanoseconds { get; }

    /// <summary>How often the device was notified.</summary>
    public ulong Notifications { get; }

    /// <summary>How often the device has interrupted.</summary>
    public ulong Interrupts { get; }

    /// <summary>Takes a reading.</summary>
    /// <param name="system">The machine's statistics.</param>
    /// <param name="device">A running device.</param>
    public static GuestMeter Read(SystemControl system, VirtioDevice device) => new(system, device);

    /// <summary>Timestamp ticks since an earlier reading, without those of the idle thread.</summary>
    public ulong BusyTicksSince(in GuestMeter earlier) =>
        _ticksBefore - earlier._ticksAfter - (_idleTicks - earlier._idleTicks);

    private static ulong CountInterrupts(SystemControl system, string device)
    {
        ulong count = 0;
        for (int i = 0; system.TryGetInterrupt(i, out InterruptDescription? interrupt); i++)
        {
            // A line has the device's name, a message the name of what it is for behind it.
            if (interrupt is not null
                && (interrupt.Name == device || interrupt.Name.StartsWith(device + " ", StringComparison.Ordinal)))
            {
                count += interrupt.Count;
            }
        }

        return count;
    }

    private static ulong IdleNanoseconds(SystemControl system)
    {
        for (int i = 0; system.TryGetThread(i, out ThreadDescription? thread); i++)
        {
            if (thread is not null && thread.Name == IdleThread)
            {
                return thread.CpuNanoseconds;
            }
        }

        return 0;
    }
}
