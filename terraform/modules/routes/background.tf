# What is wrong with a target in lane background, as functions/penstock/targets/background_faults.py and bootstrap.py have it.

locals {
  kept = [for target in local.targets : coalesce(target.lane, "sync") == "background"]

  # A dated snapshot has its model's price, and so its windows.
  priced_as = [for target in local.targets : try(replace(coalesce(target.price, target.model), "/-\\d{4}-\\d{2}-\\d{2}$/", ""), "-")]

  of_kept = [for number, target in local.targets : {
    "must have window \"2h\" or \"8h\", or none."                                           = target.window != null && !contains(keys(local.windowed), coalesce(target.window, "-"))
    "has a window, which only lane background uses: leave it out."                          = target.window != null && !local.kept[number]
    "is in lane background, which needs OpenAI's Responses API: say provider = \"openai\"." = local.kept[number] && !local.openai[number]
    "has a window, and its route keeps no deadline for it: let it choose \"cheapest\", or leave the window out." = (
      target.window != null && local.kept[number] && target.choose != "cheapest"
    )
    "has a window, which there is at the standard tier alone: leave service_tier out." = target.window != null && local.kept[number] && target.service_tier != null
    "has a window for which the price book has no price of its model, so that nothing would choose it: leave the window out, or name a model that has one." = (
      local.kept[number] && try(!contains(local.windowed[target.window], local.priced_as[number]), false)
    )
    "is in lane background, which has no max_tokens_as, no prompt_cache and no logprobs: leave it out." = local.kept[number] && (target.max_tokens_as != null || target.prompt_cache != null || target.logprobs != null)
    "is in lane background of a route that chooses \"cheapest\": give it a max_output, so that its price can be told before it is asked." = (
      local.kept[number] && target.choose == "cheapest" && target.max_output == null
    )
  }]
}
