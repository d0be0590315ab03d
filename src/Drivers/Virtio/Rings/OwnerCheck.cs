using System;
using System.Runtime.CompilerServices;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Rings;

/// <summary>
/// Finds two contexts in one queue at the same time, where simulations are possible. Elsewhere nothing of it is left.
/// </summary>
internal struct OwnerCheck
{
    private bool _isInside;

    /// <summary>A call begins.</summary>
    /// <exception cref="InvalidOperationException">Another call has not ended: the owner's locking is
    /// wrong.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Enter()
    {
        if (MemorySimulation.IsSupported)
        {
            if (_isInside)
            {
                throw new InvalidOperationException("two contexts are in one queue");
            }

            _isInside = true;
        }
    }

    /// <summary>The call ends.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Leave()
    {
        if (MemorySimulation.IsSupported)
        {
            _isInside = false;
        }
    }
}
