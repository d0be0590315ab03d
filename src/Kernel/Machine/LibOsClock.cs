using System.Threading;
using VirtioGuest.Hal;

namespace VirtioGuest.Kernel.Machine;

/// <summary>The calibrated timestamp counter.</summary>
internal sealed class LibOsClock : MonotonicClock
{
    private const ulong SpinNanoseconds = 1000;

    /// <inheritdoc/>
    public override ulong Nanoseconds => LibOsCalls.MonotonicNanoseconds();

    /// <inheritdoc/>
    /// <remarks>Spins for a microsecond, then lets every other thread that is ready run first.</remarks>
    public override void Relax()
    {
        ulong start = LibOsCalls.MonotonicNanoseconds();
        while (LibOsCalls.MonotonicNanoseconds() - start < SpinNanoseconds)
        {
            Thread.SpinWait(1);
        }

        Thread.Yield();
    }
}
