using System;
using System.Threading;
using VirtioGuest.Kernel.Machine;
using VirtioGuest.Kernel.Services.Capture;
using VirtioGuest.Kernel.Sockets;
using VirtioGuest.Net;

namespace VirtioGuest.Kernel.Services;

/// <summary>A network device and the protocols over it.</summary>
internal sealed class NetworkPort
{
    private static readonly TimeSpan s_dhcpTimeout = TimeSpan.FromSeconds(15);

    private readonly Lock _gate = new();
    private Timer? _timer;
    private bool _isRemoved;

    /// <summary>Joins a link and a stack.</summary>
    /// <param name="name">What people call the port, for example <c>net0</c>.</param>
    /// <param name="link">The device.</param>
    public NetworkPort(string name, EthernetLink link)
    {
        Name = name;
        Link = link;
        Stack = new NetworkStack(link, new MachineClock());
        Stack.SoonerTimer += () => SetTimer(TimeSpan.Zero);
    }

    /// <summary>What people call the port.</summary>
    public string Name { get; }

    /// <summary>The device.</summary>
    public EthernetLink Link { get; }

    /// <summary>The protocols.</summary>
    public NetworkStack Stack { get; }

    /// <summary>Who writes its frames to a file, or did so last; null where nobody has.</summary>
    public FrameCapture? Capture { get; set; }

    /// <summary>Whether its device was taken out of the machine.</summary>
    public bool IsRemoved => Volatile.Read(ref _isRemoved);

    /// <summary>
    /// Ends the port's life because its device is about to be taken out, or has been: nothing is sent any more.
    /// </summary>
    public void Remove()
    {
        lock (_gate)
        {
            _isRemoved = true;
            _timer?.Dispose();
            _timer = null;
        }

        Capture?.Stop(TimeSpan.Zero);
        GuestSockets.Remove(this);
        (Link as VirtioLink)?.Remove();
    }

    /// <summary>Asks a DHCP server for an address; the lease is kept alive from then on.</summary>
    public DhcpResult Dhcp() => Stack.Dhcp(s_dhcpTimeout);

    // The stack says when something is due next, and calls where that becomes sooner.
    private void RunTimers() => SetTimer(Stack.RunTimers());

    private void SetTimer(TimeSpan next)
    {
        lock (_gate)
        {
            if (!_isRemoved)
            {
                _timer ??= new Timer(_ => RunTimers());
                _timer.Change(next, Timeout.InfiniteTimeSpan);
            }
        }
    }

    /// <summary>LibOS' clock without a system call, which would be a sixth of what a received datagram costs.</summary>
    private sealed class MachineClock : NetworkClock
    {
        /// <inheritdoc/>
        public override TimeSpan Now =>
            new((long)(TimestampCounter.Nanoseconds / (ulong)TimeSpan.NanosecondsPerTick));

        /// <inheritdoc/>
        public override void Wait(SemaphoreSlim signal, TimeSpan timeout) => System.Wait(signal, timeout);
    }
}
