using System;
using VirtioGuest.Architecture.Tests.Subset.Rules;

namespace VirtioGuest.Architecture.Tests.Violations;

/// <summary>Events, which the compiler makes with atomic operations, and delegates that are added by hand.</summary>
public static class Announcements
{
    private static Action? s_listeners;

    [Breaks(typeof(EventsAndMulticastDelegates))]
    [Breaks(typeof(ForeignBarriers))]
    public sealed class Bell
    {
        public event Action? Rung;

        public void Ring() => Rung?.Invoke();
    }

    [Breaks(typeof(EventsAndMulticastDelegates))]
    public static void Add(Action listener) => s_listeners += listener;

    [Breaks(typeof(EventsAndMulticastDelegates))]
    public static void Remove(Action listener) => s_listeners -= listener;

    public static void Set(Action listener) => s_listeners = listener;
}
