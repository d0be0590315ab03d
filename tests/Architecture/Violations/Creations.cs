using System;
using VirtioGuest.Architecture.Tests.Subset.Rules;

namespace VirtioGuest.Architecture.Tests.Violations;

/// <summary>Ways to make a value of a type parameter.</summary>
public static class Creations
{
    [Breaks(typeof(NewOfTypeParameter))]
    public static T Structure<T>()
        where T : struct => new();

    [Breaks(typeof(NewOfTypeParameter))]
    public static T Anything<T>()
        where T : new() => new();

    [Breaks(typeof(NewOfTypeParameter))]
    public static int Direct() => Activator.CreateInstance<int>();

    public static T Class<T>()
        where T : class, new() => new();

    public static T? Default<T>() => default;

    public static DateTime Known() => new(2000, 1, 1);
}
