using System;
using System.Diagnostics;
using System.Threading;
using Spectre.Console;

namespace VirtioGuest.Build;

/// <summary>Shows what is being done: a line each with its time, and while it lasts a spinner on a terminal.</summary>
internal sealed class Progress
{
    /// <summary>How often something that takes long is heard of, where there is no terminal to show it on.</summary>
    private static readonly TimeSpan s_silence = TimeSpan.FromSeconds(30);

    /// <summary>Does one step. It must not write to the terminal unless it fails.</summary>
    public T Step<T>(string what, Func<T> action)
    {
        Stopwatch watch = Stopwatch.StartNew();
        T result = Console.IsOutputRedirected
            ? action()
            : AnsiConsole.Status().Start(Markup.Escape(what), _ => action());
        Console.WriteLine($"{what}: {watch.Elapsed.TotalSeconds:F1} s");
        return result;
    }

    /// <summary>Does a step that takes minutes, and tells meanwhile how far it is.</summary>
    /// <param name="what">What it does.</param>
    /// <param name="action">Does it, likewise without writing to the terminal.</param>
    /// <param name="stage">How far it is, in a few words; called from another thread.</param>
    public void Step(string what, Action action, Func<string> stage)
    {
        Stopwatch watch = Stopwatch.StartNew();
        if (Console.IsOutputRedirected)
        {
            using Timer timer = new(_ => Tell(), null, s_silence, s_silence);
            action();
        }
        else
        {
            AnsiConsole.Status().Start(Markup.Escape(what), context =>
            {
                TimeSpan second = TimeSpan.FromSeconds(1);
                using Timer timer = new(
                    _ => context.Status(Markup.Escape($"{what}: {Elapsed()}, {stage()}")), null, second, second);
                action();
            });
        }

        Console.WriteLine($"{what}: {watch.Elapsed.TotalSeconds:F1} s");

        void Tell() => Console.WriteLine($"{what}: {Elapsed()}, {stage()}");

        string Elapsed() => $"{watch.Elapsed.TotalSeconds:F0} s";
    }

    public void Step(string what, Action action) => Step(what, () =>
    {
        action();
        return true;
    });
}
